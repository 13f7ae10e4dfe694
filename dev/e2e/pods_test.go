package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/phonebill/phonebill/dev/internal/atomicfile"
	"github.com/phonebill/phonebill/dev/internal/proc"
	"github.com/phonebill/phonebill/dev/system"
)

// parts are the parts of the system: processes of this machine, or pods of a cluster.
type parts interface {
	observable
	controllable
}

// observable is what tests read of parts.
type observable interface {
	Roles() []system.Role
	// Ready returns nil if the part is ready, and proc.ErrGone if it does not exist.
	Ready(ctx context.Context, role system.Role) error
	// Logs returns the part's log files.
	Logs(role system.Role) []string
	// Life identifies the part's current process or pod.
	Life(role system.Role) (string, error)
}

// controllable is what tests do to parts.
type controllable interface {
	// Kill ends the part abruptly, Terminate gracefully; both wait until it is gone.
	Kill(role system.Role) error
	Terminate(ctx context.Context, role system.Role) error
	// Restart restarts the part without waiting until it is ready.
	Restart(ctx context.Context, role system.Role) error
	WaitReady(ctx context.Context, roles ...system.Role) error
}

// processes are the parts of a local system.
type processes struct{ *system.System }

func (p processes) Life(role system.Role) (string, error) {
	pid, err := p.PID(role)
	return fmt.Sprint(pid), err
}

// pods are the parts of a system in the cluster of KUBECONFIG, one pod each. An app and its sidecar
// share a pod.
type pods struct {
	namespace string
	dir       string // for logs
}

// goneWithin bounds the termination of a pod.
const goneWithin = time.Minute

func (p *pods) kubectl(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "kubectl", append([]string{"--namespace", p.namespace}, args...)...)
	out, err := cmd.Output()
	if failed := (*exec.ExitError)(nil); errors.As(err, &failed) {
		err = fmt.Errorf("kubectl %s: %w: %s", args[0], err, failed.Stderr)
	}
	return string(out), err
}

// servers are third-party parts.
var servers = []system.Role{system.Postgres, system.Redis, system.RedisCache}

func (p *pods) Roles() []system.Role {
	return slices.Concat(servers, apps)
}

// app returns the label of a part's pods.
func (p *pods) app(role system.Role) string {
	for _, app := range apps {
		if role == system.Sidecar(app) {
			return string(app)
		}
	}
	if role == system.Postgres {
		return "postgresql"
	}
	return string(role)
}

func (p *pods) Ready(ctx context.Context, role system.Role) error {
	out, err := p.kubectl(ctx, "get", "pods", "--selector=app="+p.app(role), "--output",
		`jsonpath={range .items[*]}{.metadata.deletionTimestamp} {.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}`)
	if err != nil {
		return err
	}
	switch strings.TrimSpace(out) {
	case "True":
		return p.reachable(role)
	case "":
		return fmt.Errorf("%s: %w", role, proc.ErrGone)
	default:
		return fmt.Errorf("%s is not one pod that is ready: %q", role, out)
	}
}

// reachable returns nil if a request reaches an app: the network knows a new pod shortly after it
// is ready.
func (p *pods) reachable(role system.Role) error {
	if !slices.Contains(apps, system.Role(p.app(role))) {
		return nil
	}
	response, err := http.Get(direct(system.Role(p.app(role)), "/actuator/health"))
	if err != nil {
		return err
	}
	return response.Body.Close()
}

func (p *pods) WaitReady(ctx context.Context, roles ...system.Role) error {
	if len(roles) == 0 {
		roles = p.Roles()
	}
	for _, role := range roles {
		var last error
		err := proc.Poll(ctx, func() bool {
			last = p.Ready(ctx, role)
			return last == nil
		})
		if err != nil {
			return errors.Join(err, last)
		}
	}
	return nil
}

// Kill deletes an app's pod; its Deployment creates a new one.
func (p *pods) Kill(role system.Role) error {
	if slices.Contains(servers, role) {
		return errors.New("a server whose pod is killed comes back by itself; use Terminate")
	}
	ctx, cancel := context.WithTimeout(context.Background(), goneWithin)
	defer cancel()
	_, err := p.kubectl(ctx, "delete", "pods", "--selector=app="+p.app(role), "--grace-period=0", "--force", "--wait")
	return err
}

// Terminate scales a server to zero pods.
func (p *pods) Terminate(ctx context.Context, role system.Role) error {
	if err := p.scale(ctx, role, 0); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, goneWithin)
	defer cancel()
	return proc.Poll(ctx, func() bool { return errors.Is(p.Ready(ctx, role), proc.ErrGone) })
}

// Restart does nothing for an app, which its Deployment restarts.
func (p *pods) Restart(ctx context.Context, role system.Role) error {
	if slices.Contains(apps, system.Role(p.app(role))) {
		return nil
	}
	return p.scale(ctx, role, 1)
}

func (p *pods) scale(ctx context.Context, role system.Role, replicas int) error {
	kind := "deployment"
	if role == system.Postgres {
		kind = "statefulset"
	}
	_, err := p.kubectl(ctx, "scale", kind, p.app(role), fmt.Sprintf("--replicas=%d", replicas))
	return err
}

func (p *pods) Life(role system.Role) (string, error) {
	return p.kubectl(context.Background(), "get", "pods", "--selector=app="+p.app(role), "--output",
		`jsonpath={range .items[*]}{.metadata.uid} {.status.containerStatuses[*].restartCount} {.status.initContainerStatuses[*].restartCount}{"\n"}{end}`)
}

// Logs writes the log of the part's container to a file. If that fails, the file does not exist,
// and the reader gets the error.
func (p *pods) Logs(role system.Role) []string {
	args := []string{"logs", "--selector=app=" + p.app(role), "--tail=-1"}
	switch {
	case slices.Contains(servers, role): // has one container
	case string(role) == p.app(role):
		args = append(args, "--container=app")
	default:
		args = append(args, "--container=daprd")
	}
	file := filepath.Join(p.dir, string(role)+".log")
	out, err := p.kubectl(context.Background(), args...)
	if err == nil {
		err = atomicfile.Write(file, []byte(out)) // another test may be reading the previous file
	}
	if err != nil {
		return []string{file + ": " + err.Error()}
	}
	return []string{file}
}
