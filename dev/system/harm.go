package system

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"github.com/phonebill/phonebill/dev/internal/proc"
)

// PID returns the process id of a part, which may have ended.
func (s *System) PID(role Role) (int, error) {
	process, err := s.part(role)
	return process.PID, err
}

// Kill kills a part and its child processes, and waits until they are gone.
func (s *System) Kill(role Role) error {
	process, err := s.part(role)
	if err != nil {
		return err
	}
	kill(process)
	return nil
}

// Pause suspends a part, like a swapping machine: its connections stay open and nothing answers.
func (s *System) Pause(role Role) error { return s.signal(role, syscall.SIGSTOP) }

// Resume resumes a part after Pause.
func (s *System) Resume(role Role) error { return s.signal(role, syscall.SIGCONT) }

func (s *System) signal(role Role, signal syscall.Signal) error {
	process, err := s.part(role)
	if err != nil {
		return err
	}
	family := process.Family()
	if len(family) == 0 {
		return fmt.Errorf("%s: %w", role, proc.ErrGone)
	}
	for _, member := range family {
		// A process that has just ended needs no signal.
		if err := member.Signal(signal); err != nil && !errors.Is(err, proc.ErrGone) {
			return err
		}
	}
	return nil
}

// Terminate stops a part gracefully, as an update would, and waits until it is gone.
func (s *System) Terminate(ctx context.Context, role Role) error {
	process, err := s.part(role)
	if err != nil {
		return err
	}
	for _, stage := range stages {
		if stage.has(role) {
			stage.end(ctx, s.console, role, process)
		}
	}
	return nil
}

// Restart starts a part again, after a graceful stop if it is running. It does not wait until the
// part is ready; see WaitReady. An app or a sidecar is restarted with its previous arguments and
// environment, but outside of the Dapr CLI, so that its output goes to another file; see Logs. The
// CLI itself cannot be restarted.
func (s *System) Restart(ctx context.Context, role Role) error {
	if err := s.Terminate(ctx, role); err != nil {
		return err
	}
	if !role.isApp() && !role.isSidecar() {
		return s.launch(ctx, role)
	}
	s.mu.Lock()
	spec, ok := s.captured[role]
	s.mu.Unlock()
	if !ok {
		return fmt.Errorf("it is not known how %s was started", role)
	}
	child, err := proc.Start(spec)
	if err != nil {
		return err
	}
	return s.started(role, child.Process)
}

// captureApps records how the CLI started apps and sidecars, for Restart.
func (s *System) captureApps(context.Context) error {
	for _, role := range s.appRoles() {
		process, err := s.part(role)
		if err != nil {
			return err
		}
		spec, err := process.Capture(s.log(role))
		if err != nil {
			return err
		}
		s.mu.Lock()
		s.captured[role] = spec
		s.mu.Unlock()
	}
	return nil
}
