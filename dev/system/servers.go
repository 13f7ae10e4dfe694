package system

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/phonebill/phonebill/dev/ingress"
	"github.com/phonebill/phonebill/dev/internal/atomicfile"
	"github.com/phonebill/phonebill/dev/internal/postgres"
	"github.com/phonebill/phonebill/dev/internal/proc"
	"github.com/phonebill/phonebill/dev/internal/rabbitmq"
	"github.com/phonebill/phonebill/dev/internal/redis"
	"github.com/phonebill/phonebill/dev/internal/runfile"
	"github.com/phonebill/phonebill/dev/internal/toolchain"
)

// serverTimeout bounds the start of a server. Recovery after a kill takes longest.
const serverTimeout = 60 * time.Second

// Memory limits of the two Redis servers, the same as in the chart's values.
const (
	redisMemory = 96 << 20
	cacheMemory = 64 << 20
)

func (s *System) providePrograms(ctx context.Context) (err error) {
	if s.programs.Servers, err = s.tools.Servers(ctx); err != nil {
		return err
	}
	if slices.Contains(s.servers(), RabbitMQ) {
		if _, err = s.tools.RabbitMQ(ctx); err != nil {
			return err
		}
	}
	if s.programs.dapr, err = s.tools.Tool(ctx, toolchain.Dapr); err != nil {
		return err
	}
	s.programs.daprd, err = s.tools.Tool(ctx, toolchain.Daprd)
	return err
}

// startServers starts the servers, and builds the apps meanwhile.
func (s *System) startServers(ctx context.Context) error {
	folders := make([]string, 0, len(s.Apps))
	for _, app := range s.Apps {
		folders = append(folders, app.Dir)
	}
	steps := []func(context.Context) error{func(ctx context.Context) error { return s.tools.BuildApps(ctx, folders) }}
	for _, role := range s.servers() {
		steps = append(steps, func(ctx context.Context) error { return s.serve(ctx, role) })
	}
	return concurrently(ctx, steps...)
}

// launch starts a server from its files on disk.
func (s *System) launch(ctx context.Context, role Role) error {
	var child *proc.Child
	var err error
	switch role {
	case Postgres:
		child, err = s.postgres().Start(ctx)
	case Redis:
		child, err = redis.Start(redis.Config{
			Binary: s.programs.Redis, Dir: filepath.Join(s.data, "redis"), Log: s.log(Redis),
			Port: RedisPort, Password: s.secrets["redis-auth-key"], Durable: true, Memory: redisMemory,
		})
	case RedisCache:
		child, err = redis.Start(redis.Config{
			Binary: s.programs.Redis, Dir: filepath.Join(s.data, "redis-cache"), Log: s.log(RedisCache),
			Port: CachePort, Password: s.secrets["redis-cache-auth-key"], Memory: cacheMemory, Evict: true,
		})
	case RabbitMQ:
		child, err = rabbitmq.Start(rabbitmq.Config{
			Dir: filepath.Join(s.data, "rabbitmq"), Log: s.log(RabbitMQ),
			Port: RabbitMQPort, Password: s.secrets["rabbitmq-password"],
		})
	case Ingress:
		child, err = ingress.Start(ingress.Config{
			Binary: s.programs.Nginx, Dir: filepath.Join(s.data, "ingress"), Log: s.log(Ingress), Port: IngressPort, Apps: s.Apps,
		})
	default:
		err = fmt.Errorf("%s is no server", role)
	}
	if err != nil {
		return fmt.Errorf("start %s: %w", role, err)
	}
	return s.started(role, child.Process)
}

// serve starts a server and waits until it is ready.
func (s *System) serve(ctx context.Context, role Role) error {
	if err := s.launch(ctx, role); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, serverTimeout)
	defer cancel()
	return s.WaitReady(ctx, role)
}

func (s *System) startIngress(ctx context.Context) error { return s.serve(ctx, Ingress) }

// databases returns the databases of dapr.yaml and of the components.
func (s *System) databases() []postgres.Database {
	all := s.stateDatabases()
	for _, app := range s.Apps {
		if name := app.Env["DB_NAME"]; name != "" {
			all = append(all, postgres.Database{
				Name: name, Role: app.Env["DB_USER"], Password: s.secrets[app.Env["DB_PASSWORD_SECRET"]],
			})
		}
	}
	return all
}

// prepareDatabases creates roles and databases, runs the migrations, and adds the demo data.
func (s *System) prepareDatabases(ctx context.Context) error {
	databases := s.databases()
	if err := s.postgres().Provision(ctx, databases); err != nil {
		return err
	}
	if err := s.postgres().WritePasswordFile(s.passwordFile(), databases); err != nil {
		return err
	}
	var migrations []func(context.Context) error
	for _, app := range s.Apps {
		if secret := app.Env["DATA_KEYSET_SECRET"]; secret != "" {
			if err := atomicfile.Write(s.keysetFile(secret), []byte(s.secrets[secret])); err != nil {
				return err
			}
		}
		if app.Env["DB_NAME"] != "" {
			migrations = append(migrations, func(ctx context.Context) error {
				return s.RunApp(ctx, Role(app.ID), "migrate")
			})
		}
	}
	if err := concurrently(ctx, migrations...); err != nil {
		return err
	}
	return s.RunApp(ctx, "auth-service", "seed-demo")
}

// passwordFile returns the path of the password file for app commands without a sidecar.
func (s *System) passwordFile() string { return s.checkout.Local("pgpass") }

// keysetFile returns the path of a keyset for app commands without a sidecar.
func (s *System) keysetFile(secret string) string { return s.checkout.Local("keysets", secret) }

// RunApp runs a command of an app's program, such as migrate, in the app's environment, and prints
// its output. If it fails, its error output is part of the error.
func (s *System) RunApp(ctx context.Context, app Role, args ...string) error {
	return s.FeedApp(ctx, app, nil, args...)
}

// FeedApp is RunApp with a standard input.
func (s *System) FeedApp(ctx context.Context, app Role, input io.Reader, args ...string) error {
	config, err := s.app(app)
	if err != nil {
		return err
	}
	return s.runProgram(ctx, s.checkout.Bin(config.ID), config, input, args...)
}

func (s *System) runProgram(ctx context.Context, program string, config runfile.App, input io.Reader, args ...string) error {
	what := config.ID + " " + strings.Join(args, " ")
	defer s.console.Wait(what, nil)()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = config.Dir
	cmd.Stdin = input
	cmd.Env = slices.Concat(baseEnv(), s.env, config.Environ())
	cmd.Env = append(cmd.Env, "PGPASSFILE="+s.passwordFile())
	if secret := config.Env["DATA_KEYSET_SECRET"]; secret != "" {
		cmd.Env = append(cmd.Env, "DATA_KEYSET_FILE="+s.keysetFile(secret))
	}
	var complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = s.console.Lines(), &complaints
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w\n%s", what, err, strings.TrimSpace(complaints.String()))
	}
	return nil
}

func (s *System) app(role Role) (runfile.App, error) {
	for _, app := range s.Apps {
		if Role(app.ID) == role {
			return app, nil
		}
	}
	return runfile.App{}, fmt.Errorf("dapr.yaml has no app %s", role)
}

// baseEnv returns our environment without variables that would lead apps and sidecars to other
// databases or another Dapr, and without secrets for either.
func baseEnv() []string {
	var env []string
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		switch {
		case strings.HasPrefix(name, "PG"), strings.HasPrefix(name, "DB_"), strings.HasPrefix(name, "DAPR_"),
			strings.HasPrefix(name, "REDIS"), name == "APP_API_TOKEN":
		default:
			env = append(env, variable)
		}
	}
	return env
}

// concurrently runs the functions concurrently. When one fails, it cancels the others and returns
// that error.
func concurrently(ctx context.Context, functions ...func(context.Context) error) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, function := range functions {
		group.Go(func() error { return function(ctx) })
	}
	return group.Wait()
}
