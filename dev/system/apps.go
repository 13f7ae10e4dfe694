package system

import (
	"context"
	"crypto/rand"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/phonebill/phonebill/dev/internal/atomicfile"
	"github.com/phonebill/phonebill/dev/internal/proc"
)

//go:embed daprd.sh.tmpl
var daprdSource string

var daprdScript = template.Must(template.New("daprd").Parse(daprdSource))

// appsTimeout bounds the start of all apps: the CLI starts them sequentially, each with its
// sidecar.
const appsTimeout = 120 * time.Second

// startApps starts the apps with the Dapr CLI and waits until all are ready.
func (s *System) startApps(ctx context.Context) error {
	if err := s.wrapDaprd(); err != nil {
		return err
	}
	for _, app := range s.Apps {
		if err := pruneLogs(app); err != nil {
			return err
		}
	}
	child, err := proc.Start(proc.Spec{
		Path: s.programs.dapr,
		Args: []string{"dapr", "run", "-f", s.runFile()},
		Env:  slices.Concat(baseEnv(), s.tokens, s.env),
		Dir:  s.checkout.Root,
		Log:  s.log(Runner),
	})
	if err != nil {
		return err
	}
	if err := s.started(Runner, child.Process); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, appsTimeout)
	defer cancel()
	return s.awaitApps(ctx)
}

// newTokens generates the tokens of this run, as environment variables of apps and sidecars: the
// one that sidecars require of apps, and the one that they send to apps. Other processes of the
// machine cannot use either API.
func newTokens() []string {
	return []string{"DAPR_API_TOKEN=" + rand.Text(), "APP_API_TOKEN=" + rand.Text()}
}

// awaitApps waits until the CLI has started every app and sidecar and they are ready.
func (s *System) awaitApps(ctx context.Context) error {
	runner, err := s.part(Runner)
	if err != nil {
		return err
	}
	var missing []Role
	done := s.console.Wait("starting the apps", nil)
	err = proc.Poll(ctx, func() bool {
		missing = s.noteApps(runner)
		return len(missing) == 0 || !runner.Alive()
	})
	done()
	if err != nil || len(missing) > 0 {
		return fmt.Errorf("`dapr run` did not start %v%s", missing, s.lastWords(Runner))
	}
	return s.WaitReady(ctx, s.appRoles()...)
}

// noteApps records the running apps and sidecars and returns the missing ones.
func (s *System) noteApps(runner proc.Process) (missing []Role) {
	family := runner.Family()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, member := range family {
		if role := roleOf(member, s.Apps); role != "" {
			s.parts[role] = member
		}
	}
	for _, role := range s.appRoles() {
		if s.parts[role].PID == 0 {
			missing = append(missing, role)
		}
	}
	return missing
}

// appRoles returns every app and its sidecar.
func (s *System) appRoles() []Role {
	var roles []Role
	for _, app := range s.Apps {
		roles = append(roles, Role(app.ID), Sidecar(Role(app.ID)))
	}
	return roles
}

// wrapDaprd writes a script to the path where dapr.yaml's runtimePath makes the CLI look for daprd.
// It sets sidecar options that a run template cannot express.
func (s *System) wrapDaprd() error {
	file := s.checkout.Local("dapr", ".dapr", "bin", "daprd")
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	var script strings.Builder
	err := daprdScript.Execute(&script, struct {
		Daprd string
		Procs int
	}{
		Daprd: "'" + strings.ReplaceAll(s.programs.daprd, "'", `'\''`) + "'",
		// The sidecars share the machine with the apps.
		Procs: max(1, runtime.NumCPU()/4),
	})
	if err != nil {
		return err
	}
	if err := atomicfile.Write(file, []byte(script.String())); err != nil {
		return err
	}
	return os.Chmod(file, 0o700) //nolint:gosec // a program
}
