package platform_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/mux"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/fx"

	"github.com/phonebill/phonebill/apps/internal/bubble"
	"github.com/phonebill/phonebill/apps/internal/httpserver"
	"github.com/phonebill/phonebill/apps/internal/jwtauth"
	"github.com/phonebill/phonebill/apps/internal/pg"
	"github.com/phonebill/phonebill/apps/internal/platform"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
	"github.com/phonebill/phonebill/apps/internal/telemetry"
)

// greeter is the API of a service.
type greeter struct{}

func (greeter) Register(r *mux.Router) {
	r.HandleFunc("/hello", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })
}

// graph returns the modules of a service none of whose dependencies are running.
func graph(t *testing.T) fx.Option {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	unused := listener.Addr().(*net.TCPAddr).Port
	_ = listener.Close()
	return fx.Options(
		fx.Supply(
			telemetry.Config{Level: 100}, // silent
			sidecar.Config{HTTPPort: unused, GRPCPort: unused, SecretStore: "secret-store"},
			httpserver.Config{Addr: "127.0.0.1:0", MaxInFlight: 10, MaxBody: 1 << 10, Drain: 5 * time.Second},
			pg.Config{Host: "127.0.0.1", Port: unused, Name: "x", User: "x", SSLMode: "disable", MaxConns: 1, PasswordSecret: "password"},
			platform.SessionConfig{Store: "session-store"},
			platform.IssuerConfig{AppID: "auth-service"},
			jwtauth.Config{Issuer: "i", Audience: "a"},
			jwtauth.OIDCConfig{Issuer: "http://127.0.0.1:" + strconv.Itoa(unused), Audience: "a"},
			platform.OpenAPI("openapi: 3.1.0"),
			fx.Annotate(greeter{}, fx.As(new(httpserver.Registrar))),
		),
		platform.Base("test"), platform.HTTP, platform.Database, platform.Sessions, platform.Authentication,
	)
}

// use makes fx construct the values that services use.
var use = fx.Invoke(func(*jwtauth.Authenticator, *pgxpool.Pool) {})

func TestModulesAreComplete(t *testing.T) {
	t.Parallel()
	if err := fx.ValidateApp(graph(t), use); err != nil {
		t.Error(err)
	}
}

func TestServiceStartsWithoutDependenciesAndIsNotReady(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	var server *httpserver.Server
	started, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- platform.Serve(graph(t), use, fx.Populate(&server),
			fx.Invoke(func(lc fx.Lifecycle) { lc.Append(fx.StartHook(func() { close(started) })) }))(ctx, nil)
	}()
	select {
	case <-started:
	case err := <-ended:
		t.Fatalf("not started: %v", err)
	}
	if slog.Default().Enabled(t.Context(), slog.LevelError) {
		t.Error("the default logger is not the service's")
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	if code, text := get(t, client, server, "/hello"); code != http.StatusOK || text != "hello" {
		t.Errorf("hello: %d %s", code, text)
	}
	if code, _ := get(t, client, server, "/actuator/health"); code != http.StatusOK {
		t.Errorf("health: %d", code)
	}
	code, text := get(t, client, server, "/actuator/health/readiness")
	var report struct {
		Components map[string]struct{ Status string }
	}
	if err := json.Unmarshal([]byte(text), &report); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for name, component := range report.Components {
		got[name] = component.Status
	}
	want := map[string]string{"sidecar": "DOWN", "database": "DOWN", "session-store": "DOWN", "signing-keys": "DOWN", "operator-issuer": "DOWN"}
	if diff := cmp.Diff(want, got); code != http.StatusServiceUnavailable || diff != "" {
		t.Errorf("readiness: %d (-want +got):\n%s", code, diff)
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("stop: %v", err)
	}
}

func get(t *testing.T, client *http.Client, server *httpserver.Server, path string) (int, string) {
	t.Helper()
	resp, err := client.Get("http://" + server.Addr() + path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// lifecycle records the hooks that Background appends.
type lifecycle struct{ hooks []fx.Hook }

func (l *lifecycle) Append(hook fx.Hook) { l.hooks = append(l.hooks, hook) }

func TestStopWaitsForBackgroundWork(t *testing.T) {
	t.Parallel()
	for took, want := range map[time.Duration]error{time.Second: nil, time.Minute: context.DeadlineExceeded} {
		t.Run(strconv.FormatBool(want == nil), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var lc lifecycle
				finished := false
				platform.Background(&lc, func(ctx context.Context) {
					<-ctx.Done()
					bubble.Advance(took)
					finished = true
				})
				if err := lc.hooks[0].OnStart(t.Context()); err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				err := lc.hooks[0].OnStop(ctx)
				if !errors.Is(err, want) || (want == nil) != (err == nil && finished) {
					t.Errorf("stop after %s of work: %v, finished %t", took, err, finished)
				}
				bubble.Advance(took)
			})
		})
	}
}
