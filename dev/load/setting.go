package load

import (
	"context"
	"fmt"
	"os/exec"
	"runtime"
	"strings"

	"github.com/prometheus/procfs"

	"github.com/phonebill/phonebill/dev/internal/stage"
	"github.com/phonebill/phonebill/dev/system"
)

// Setting is where and with what a report was made.
type Setting struct {
	Commit   string // of the checkout, with "dirty" if it has changes
	Machine  string
	Versions []string
}

// String returns the setting in one line.
func (s Setting) String() string {
	return fmt.Sprintf("Commit %s on %s; %s.", s.Commit, s.Machine, strings.Join(s.Versions, ", "))
}

// setting reads the setting of the running system.
func (r *run) setting(ctx context.Context) Setting {
	s := Setting{Commit: output(ctx, "git", "describe", "--always", "--dirty"), Machine: machine()}
	s.Versions = append(s.Versions, runtime.Version())
	for _, part := range []struct {
		role system.Role
		flag string
	}{{system.Sidecar(stage.Bills), "--version"}, {system.Postgres, "--version"}, {system.Redis, "--version"}, {system.Ingress, "-v"}} {
		pid, err := r.System.PID(part.role)
		if err != nil {
			continue
		}
		version := output(ctx, fmt.Sprintf("/proc/%d/exe", pid), part.flag)
		if part.role == system.Sidecar(stage.Bills) {
			version = "daprd " + version
		}
		s.Versions = append(s.Versions, version)
	}
	return s
}

// output returns the first line that a command prints.
func output(ctx context.Context, name string, args ...string) string {
	text, _ := exec.CommandContext(ctx, name, args...).CombinedOutput()
	line, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	return line
}

// machine describes the machine.
func machine() string {
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return err.Error()
	}
	model, memory := "unknown CPU", uint64(0)
	if cpus, err := fs.CPUInfo(); err == nil && len(cpus) > 0 {
		model = cpus[0].ModelName
	}
	if info, err := fs.Meminfo(); err == nil && info.MemTotal != nil {
		memory = *info.MemTotal / 1e6
	}
	return fmt.Sprintf("%d cores of %s, %d GB, %s/%s", runtime.NumCPU(), model, memory, runtime.GOOS, runtime.GOARCH)
}
