package platform_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"go.uber.org/fx"
	"go.uber.org/goleak"

	"github.com/phonebill/phonebill/apps/internal/daprtest"
	"github.com/phonebill/phonebill/apps/internal/pgtest"
	"github.com/phonebill/phonebill/apps/internal/platform"
)

func TestMain(m *testing.M) {
	// The clean-up goroutine of an otter cache ends when the cache is garbage collected.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/maypok86/otter/v2.periodicCleanUp[...]"))
}

func TestMainRunsTheNamedCommand(t *testing.T) {
	t.Parallel()
	var ran []string
	command := func(name string, err error) platform.Command {
		return func(_ context.Context, args []string) error {
			ran = append(ran, name+"("+strings.Join(args, " ")+")")
			return err
		}
	}
	commands := map[string]platform.Command{
		"serve": command("serve", nil), "migrate": command("migrate", nil), "break": command("break", errors.New("broken")),
	}
	tests := []struct {
		args     string
		code     int
		ran, err string
	}{
		{"", 0, "serve()", ""},
		{"serve", 0, "serve()", ""},
		{"migrate to now", 0, "migrate(to now)", ""},
		{"break", 1, "break()", "break: broken\n"},
		{"nonsense", 2, "", "unknown command \"nonsense\"\n"},
	}
	for _, tc := range tests {
		ran = nil
		var errs bytes.Buffer
		code := platform.Main(strings.Fields(tc.args), &errs, commands)
		if code != tc.code || strings.Join(ran, " ") != tc.ran || errs.String() != tc.err {
			t.Errorf("%q: code %d, ran %v, printed %q", tc.args, code, ran, errs.String())
		}
	}
}

func TestSignalEndsTheCommand(t *testing.T) { //nolint:paralleltest // the signal goes to the whole process
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		code := platform.Main(nil, &bytes.Buffer{}, map[string]platform.Command{
			"serve": func(ctx context.Context, _ []string) error {
				if err := syscall.Kill(syscall.Getpid(), signal); err != nil {
					return err
				}
				<-ctx.Done()
				return nil
			},
		})
		if code != 0 {
			t.Errorf("%s: code %d", signal, code)
		}
	}
}

func TestConfiguredRequiresItsOwnSettingsOnly(t *testing.T) {
	t.Parallel()
	type settings struct {
		Name string `env:"NAME,required"`
	}
	var got string
	command := func(cfg settings) platform.Command {
		return func(context.Context, []string) error { got = cfg.Name; return nil }
	}
	if err := platform.WithConfig([]string{"NAME=bill", "OTHER=x"}, command)(t.Context(), nil); err != nil || got != "bill" {
		t.Errorf("got %q, %v", got, err)
	}
	if err := platform.WithConfig(nil, command)(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "NAME") {
		t.Errorf("without settings: %v", err)
	}
}

func TestServeStartsAndStopsInOrder(t *testing.T) {
	t.Parallel()
	var events []string
	hook := func(name string) func(fx.Lifecycle) {
		return func(lc fx.Lifecycle) {
			lc.Append(fx.StartStopHook(
				func() { events = append(events, "start "+name) },
				func() { events = append(events, "stop "+name) },
			))
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	err := platform.Serve(fx.NopLogger, fx.Invoke(hook("database"), hook("server"),
		func(lc fx.Lifecycle) { lc.Append(fx.StartHook(stop)) }))(ctx, nil)
	want := []string{"start database", "start server", "stop server", "stop database"}
	if err != nil || !slices.Equal(events, want) {
		t.Errorf("%v, %v", events, err)
	}
}

func TestServeStopsAfterFailedStart(t *testing.T) {
	t.Parallel()
	var stopped bool
	broken := errors.New("port taken")
	err := platform.Serve(fx.NopLogger, fx.Invoke(func(lc fx.Lifecycle) {
		lc.Append(fx.StopHook(func() { stopped = true }))
		lc.Append(fx.StartHook(func() error { return broken }))
	}))(t.Context(), nil)
	if !errors.Is(err, broken) || !stopped {
		t.Errorf("got %v, stopped %t", err, stopped)
	}
	if err := platform.Serve(fx.NopLogger, fx.Invoke(func() error { return broken }))(t.Context(), nil); !errors.Is(err, broken) {
		t.Errorf("constructor that fails: %v", err)
	}
}

func TestMigrateReadsThePasswordFromTheSidecar(t *testing.T) {
	t.Parallel()
	first := fstest.MapFS{"001_first.sql": {Data: []byte("CREATE TABLE first ();\n---- create above / drop below ----\n")}}
	second := fstest.MapFS{"001_first.sql": first["001_first.sql"], "002_second.sql": {Data: []byte("CREATE TABLE second ();\n")}}
	database := pgtest.New(t, first)
	dapr := daprtest.Start(t, daprtest.Options{AppID: "migrate-test", Secrets: map[string]string{"the-password": database.Password}})
	environ := []string{
		"DB_HOST=" + database.Config.Host, fmt.Sprintf("DB_PORT=%d", database.Config.Port),
		"DB_NAME=" + database.Config.Name, "DB_USER=" + database.Config.User, "DB_PASSWORD_SECRET=the-password",
		fmt.Sprintf("DAPR_GRPC_PORT=%d", dapr.GRPCPort), fmt.Sprintf("DAPR_HTTP_PORT=%d", dapr.HTTPPort),
	}
	if err := platform.Migrate(environ, second)(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := database.Pool.Exec(t.Context(), "SELECT FROM first, second"); err != nil {
		t.Error(err)
	}
	dapr.Kill()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := platform.Migrate(environ, second)(ctx, nil); err == nil || !strings.Contains(err.Error(), "wait for the sidecar") {
		t.Errorf("without a sidecar: %v", err)
	}
}

func TestMigrateWaitsForTheSidecar(t *testing.T) {
	t.Parallel()
	first := fstest.MapFS{"001_first.sql": {Data: []byte("CREATE TABLE first ();\n---- create above / drop below ----\n")}}
	second := fstest.MapFS{"001_first.sql": first["001_first.sql"], "002_later.sql": {Data: []byte("CREATE TABLE later ();\n")}}
	database := pgtest.New(t, first)
	dapr := daprtest.Start(t, daprtest.Options{AppID: "migrate-later-test", Secrets: map[string]string{"the-password": database.Password}})
	// A fake of the sidecar's health endpoint fails twice.
	checks := 0
	health := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if checks++; checks < 3 {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	defer health.Close()
	environ := []string{
		"DB_HOST=" + database.Config.Host, fmt.Sprintf("DB_PORT=%d", database.Config.Port),
		"DB_NAME=" + database.Config.Name, "DB_USER=" + database.Config.User, "DB_PASSWORD_SECRET=the-password",
		fmt.Sprintf("DAPR_GRPC_PORT=%d", dapr.GRPCPort), "DAPR_HTTP_PORT=" + health.URL[strings.LastIndex(health.URL, ":")+1:],
	}
	if err := platform.Migrate(environ, second)(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := database.Pool.Exec(t.Context(), "SELECT FROM later"); err != nil || checks < 3 {
		t.Errorf("%d health checks: %v", checks, err)
	}
}
