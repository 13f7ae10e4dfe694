package system

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/dev/internal/console"
	"github.com/phonebill/phonebill/dev/internal/proc"
	"github.com/phonebill/phonebill/dev/internal/runfile"
)

// bash runs a script in its own process group until the test ends.
func bash(t *testing.T, dir, script string) proc.Process {
	t.Helper()
	child, err := proc.Start(proc.Spec{
		Path: "/bin/bash", Args: []string{"bash", "-c", script}, Dir: dir,
		Env: []string{"PATH=" + os.Getenv("PATH")}, Log: filepath.Join(t.TempDir(), "log"),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		kill(child.Process)
		<-child.Done()
	})
	return child.Process
}

func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func await(t *testing.T, what string, condition func() bool) {
	t.Helper()
	if err := proc.Poll(bounded(t), condition); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

func awaitFile(t *testing.T, path string) {
	t.Helper()
	await(t, path, func() bool {
		_, err := os.Stat(path)
		return err == nil
	})
}

// worker is a part that records the signal that stops it in the file order; the parts use QUIT,
// TERM and INT.
func worker(t *testing.T, dir string, role Role) proc.Process {
	t.Helper()
	script := `for s in QUIT TERM INT; do trap "echo ROLE $s >>order; exit" $s; done; touch ready-ROLE; while :; do sleep 0.02; done`
	process := bash(t, dir, strings.ReplaceAll(script, "ROLE", string(role)))
	awaitFile(t, filepath.Join(dir, "ready-"+string(role)))
	return process
}

func TestDrainOrder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	all := make(parts)
	for _, role := range []Role{Postgres, Redis, RedisCache, RabbitMQ, Ingress, "auth-service", "auth-service-daprd"} {
		all[role] = worker(t, dir, role)
	}
	all[Runner] = bash(t, dir, "trap '' TERM; while :; do sleep 0.02; done")
	all.drain(bounded(t), console.New(io.Discard))
	for role, process := range all {
		if process.Alive() {
			t.Errorf("%s is still running", role)
		}
	}
	content, err := os.ReadFile(filepath.Join(dir, "order"))
	if err != nil {
		t.Fatal(err)
	}
	want := "ingress QUIT\nauth-service TERM\nauth-service-daprd TERM\nredis TERM\nredis-cache TERM\nrabbitmq TERM\npostgres INT\n"
	if diff := cmp.Diff(want, string(content)); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

func TestCancelledDrainKills(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	stubborn := bash(t, dir, "trap '' TERM; (trap '' TERM; touch ready; while :; do sleep 0.02; done) & wait; wait")
	awaitFile(t, filepath.Join(dir, "ready"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var said strings.Builder
	parts{"auth-service": stubborn}.drain(ctx, console.New(&said))
	if left := stubborn.Family(); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	if !strings.Contains(said.String(), "auth-service did not stop in time and is killed") {
		t.Errorf("output is %q", said.String())
	}
}

func TestDrainResumesPausedParts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	process := worker(t, dir, Redis)
	if err := process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	parts{Redis: process}.drain(bounded(t), console.New(io.Discard))
	if content, err := os.ReadFile(filepath.Join(dir, "order")); err != nil || string(content) != "redis TERM\n" {
		t.Errorf("it ended with %q, %v", content, err)
	}
}

func TestFindRecognisesChildrenOfTheRunner(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	runner := bash(t, dir, `
		(exec -a ../../.local/bin/auth-service sleep 60) &
		(exec -a /any/daprd bash -c 'sleep 60; :' x --app-id auth-service) &
		(exec -a another sleep 60) &
		wait`)
	server := bash(t, dir, "exec sleep 60")
	records := proc.Records{Dir: filepath.Join(dir, "run")}
	for role, process := range map[Role]proc.Process{
		Runner: runner, Redis: server, Postgres: {PID: server.PID, Start: server.Start + 1},
	} {
		if err := records.Save(string(role), process); err != nil {
			t.Fatal(err)
		}
	}
	apps := []runfile.App{{ID: "auth-service"}, {ID: "bill-inquiry-service"}}
	want := []Role{Redis, Runner, "auth-service", "auth-service-daprd"}
	look := func() []Role {
		found, err := find(records, apps)
		if err != nil {
			t.Fatal(err)
		}
		return found.sorted()
	}
	await(t, "the apps", func() bool { return slices.Equal(look(), want) })

	// The death of the runner or of its parent changes nothing.
	if err := runner.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := runner.WaitGone(bounded(t)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, look()); diff != "" {
		t.Errorf("after the runner's death (-want +got):\n%s", diff)
	}
}

func TestRoles(t *testing.T) {
	t.Parallel()
	for role, want := range map[Role][2]bool{ // an app, a sidecar
		"auth-service":          {true, false},
		Sidecar("auth-service"): {false, true},
		Postgres:                {false, false},
		Redis:                   {false, false},
		RedisCache:              {false, false},
		RabbitMQ:                {false, false},
		Ingress:                 {false, false},
		Runner:                  {false, false},
	} {
		if got := [2]bool{role.isApp(), role.isSidecar()}; got != want {
			t.Errorf("%s: %v, want %v", role, got, want)
		}
		stopped := 0
		for _, stage := range stages {
			if stage.has(role) {
				stopped++
			}
		}
		if stopped != 1 {
			t.Errorf("%s is stopped in %d stages", role, stopped)
		}
	}
}
