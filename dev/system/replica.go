package system

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/phonebill/phonebill/dev/internal/proc"
	"github.com/phonebill/phonebill/dev/internal/runfile"
)

// replicaPorts is the distance between the ports of an app and those of its replica.
const replicaPorts = 50

// Replica returns the role of the second replica of an app. See AddReplica.
func Replica(app Role) Role { return app + "-replica" }

// AddReplica starts a second replica of a running app from another program, with a sidecar of its
// own, and waits until both are ready. Both replicas have the same app id and environment; the
// ports of the second one are higher by 50. The ingress does not use it.
func (s *System) AddReplica(ctx context.Context, app Role, program string) error {
	config, err := s.app(app)
	if err != nil {
		return err
	}
	replica, role := replicaOf(config), Replica(app)
	s.mu.Lock()
	if !slices.ContainsFunc(s.replicas, func(known runfile.App) bool { return known.ID == replica.ID }) {
		s.replicas = append(s.replicas, replica)
	}
	process, sidecar := s.captured[app], s.captured[Sidecar(app)]
	s.mu.Unlock()
	process.Path, process.Args = program, append([]string{program}, process.Args[1:]...)
	for _, part := range []struct {
		role Role
		spec proc.Spec
	}{{role, process}, {Sidecar(role), sidecar}} {
		child, err := proc.Start(movePorts(part.spec, config, s.log(part.role)))
		if err != nil {
			return err
		}
		if err := s.started(part.role, child.Process); err != nil {
			return err
		}
	}
	return s.WaitReady(ctx, role, Sidecar(role))
}

// replicaOf returns the configuration of the second replica of an app.
func replicaOf(app runfile.App) runfile.App {
	app.ID = string(Replica(Role(app.ID)))
	for _, port := range []*int{&app.Port, &app.HTTPPort, &app.GRPCPort, &app.InternalGRPCPort, &app.MetricsPort} {
		*port += replicaPorts
	}
	return app
}

// movePorts returns how to start the second replica of an app or of its sidecar, given how the
// first one was started.
func movePorts(spec proc.Spec, app runfile.App, log string) proc.Spec {
	spec.Log = log
	spec.Args, spec.Env = slices.Clone(spec.Args), slices.Clone(spec.Env)
	for _, port := range app.Ports() {
		old, moved := strconv.Itoa(port.Number), strconv.Itoa(port.Number+replicaPorts)
		for _, words := range [][]string{spec.Args, spec.Env} {
			for i, word := range words {
				before, found := strings.CutSuffix(word, old)
				if found && (before == "" || strings.ContainsAny(before[len(before)-1:], ":=")) {
					words[i] = before + moved
				}
			}
		}
	}
	return spec
}

// RunProgram runs a command of another program of an app, such as migrate of another release. See
// RunApp.
func (s *System) RunProgram(ctx context.Context, program string, app Role, args ...string) error {
	config, err := s.app(app)
	if err != nil {
		return err
	}
	return s.runProgram(ctx, program, config, nil, args...)
}

// AppURL returns the address of an app itself, without the ingress.
func (s *System) AppURL(app Role) string { return s.address(app, 0) }

// SidecarURL returns the address of the HTTP API of an app's sidecar. The API requires the token
// that SidecarToken returns.
func (s *System) SidecarURL(app Role) string {
	config, _ := s.app(app)
	return "http://127.0.0.1:" + strconv.Itoa(config.HTTPPort)
}

// SidecarToken returns the token that sidecars require of apps.
func (s *System) SidecarToken() string {
	_, token, _ := strings.Cut(s.tokens[0], "=")
	return token
}

// ReplicaURL returns the address of the second replica of an app.
func (s *System) ReplicaURL(app Role) string { return s.address(app, replicaPorts) }

func (s *System) address(app Role, offset int) string {
	config, _ := s.app(app)
	return "http://127.0.0.1:" + strconv.Itoa(config.Port+offset)
}

// withReplicas returns all apps, and second replicas as apps of their own.
func (s *System) withReplicas() []runfile.App {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Concat(s.Apps, s.replicas)
}
