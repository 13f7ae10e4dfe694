package proc

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"github.com/prometheus/procfs"
)

// Spec describes how to start a process.
type Spec struct {
	Path string
	Args []string // including the program's name
	Env  []string
	Dir  string
	// Log is the file to which the standard output and error are appended. It must not be empty.
	Log string
	// Credential is the user to run as; nil means the current one.
	Credential *syscall.Credential
	// AmbientCaps are capabilities to keep despite Credential.
	AmbientCaps []uintptr
}

// Child is a process started by Start.
type Child struct {
	Process

	done chan struct{}
	err  error
}

// Start starts a process in its own process group, so that Ctrl-C at the terminal does not reach
// it: the caller decides the order of stopping.
func Start(spec Spec) (*Child, error) {
	log, err := os.OpenFile(spec.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the child has its own descriptor
	cmd := &exec.Cmd{
		Path:   spec.Path,
		Args:   spec.Args,
		Env:    spec.Env,
		Dir:    spec.Dir,
		Stdout: log,
		Stderr: log,
		SysProcAttr: &syscall.SysProcAttr{
			Setpgid:     true,
			Credential:  spec.Credential,
			AmbientCaps: spec.AmbientCaps,
		},
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Path, err)
	}
	// The id is not reused before Wait below has reaped the process.
	process, err := Get(cmd.Process.Pid)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Path, err)
	}
	child := &Child{Process: process, done: make(chan struct{})}
	go func() {
		child.err = cmd.Wait()
		close(child.done)
	}()
	return child, nil
}

// Done is closed when the process has ended.
func (c *Child) Done() <-chan struct{} { return c.done }

// Err returns why the process ended, after Done: nil after exit code 0.
func (c *Child) Err() error { return c.err }

// Capture returns how to start the same process again: its program, arguments, environment and
// folder. The process must be alive and belong to this user.
func (p Process) Capture(log string) (Spec, error) {
	process, err := procfs.NewProc(p.PID)
	if err != nil {
		return Spec{}, ErrGone
	}
	path, noPath := process.Executable()
	dir, noDir := process.Cwd()
	environ, noEnviron := process.Environ()
	if err := errors.Join(noPath, noDir, noEnviron); err != nil {
		return Spec{}, fmt.Errorf("capture %s: %w", p, err)
	}
	if !p.Alive() {
		return Spec{}, ErrGone
	}
	return Spec{Path: path, Args: p.Args(), Env: environ, Dir: dir, Log: log}, nil
}
