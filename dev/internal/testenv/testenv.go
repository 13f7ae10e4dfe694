// Package testenv runs the PostgreSQL and Redis servers that tests share, on free ports and with
// temporary data.
package testenv

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/phonebill/phonebill/dev/internal/checkout"
	"github.com/phonebill/phonebill/dev/internal/console"
	"github.com/phonebill/phonebill/dev/internal/lock"
	"github.com/phonebill/phonebill/dev/internal/postgres"
	"github.com/phonebill/phonebill/dev/internal/proc"
	"github.com/phonebill/phonebill/dev/internal/redis"
	"github.com/phonebill/phonebill/dev/internal/toolchain"
)

// startTimeout bounds the wait for both servers.
const startTimeout = 60 * time.Second

// Env is a set of running servers.
type Env struct {
	// Environ are the environment variables that tell tests where the servers are, and that make
	// missing dependencies a failure instead of a skip.
	Environ []string

	dir     string
	lock    *lock.Lock
	records proc.Records
}

// Start starts the servers and waits until they are ready. It first removes what an earlier, killed
// run has left.
func Start(ctx context.Context, root checkout.Checkout, out *console.Console) (*Env, error) {
	env := &Env{dir: root.Local("test"), records: proc.Records{Dir: root.Local("test", "run")}}
	if err := os.MkdirAll(env.dir, 0o700); err != nil {
		return nil, err
	}
	var err error
	env.lock, err = lock.Acquire(root.Local("test.lock"), root.Root)
	var held *lock.HeldError
	if errors.As(err, &held) {
		return nil, fmt.Errorf("the tests of this checkout already run (pid %d)", held.Owner.PID)
	}
	if err != nil {
		return nil, err
	}
	tools := toolchain.Toolchain{Checkout: root, Console: out}
	if err := env.start(ctx, tools); err != nil {
		return nil, errors.Join(err, env.Stop())
	}
	return env, nil
}

func (e *Env) start(ctx context.Context, tools toolchain.Toolchain) error {
	servers, err := tools.Servers(ctx)
	if err != nil {
		return err
	}
	paths := make([]string, 3)
	for i, tool := range []toolchain.Tool{toolchain.Daprd, toolchain.Helm, toolchain.Collector} {
		if paths[i], err = tools.Tool(ctx, tool); err != nil {
			return err
		}
	}
	if err := e.clear(); err != nil {
		return err
	}
	pooler, err := tools.Pooler(ctx)
	if err != nil {
		return err
	}
	if _, err := tools.RabbitMQ(ctx); err != nil {
		return err
	}
	promtool, err := tools.Promtool(ctx)
	if err != nil {
		return err
	}
	programs, err := postgres.Programs()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(e.dir, 0o700); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	address, err := e.startPostgres(ctx)
	if err != nil {
		return fmt.Errorf("PostgreSQL for the tests: %w", err)
	}
	port, password, err := e.startRedis(ctx, servers.Redis)
	if err != nil {
		return fmt.Errorf("redis for the tests: %w", err)
	}
	e.Environ = []string{
		"PHONEBILL_TEST_REQUIRED=1",
		// Go's test cache does not see files outside of a test's module. A test that reads such
		// files reads this variable too, so that its result is not cached.
		"PHONEBILL_TEST_RUN=" + rand.Text(),
		"PHONEBILL_TEST_POSTGRES_URL=" + address,
		"PHONEBILL_TEST_REDIS_ADDR=" + net.JoinHostPort("127.0.0.1", strconv.Itoa(port)),
		"PHONEBILL_TEST_REDIS_PASSWORD=" + password,
		// Programs of servers that fault tests start for themselves.
		"PHONEBILL_TEST_POSTGRES_BIN=" + programs,
		"PHONEBILL_TEST_PGBOUNCER=" + pooler,
		"PHONEBILL_TEST_REDIS_SERVER=" + servers.Redis,
		"PHONEBILL_TEST_RABBITMQ=" + tools.Checkout.Path("dev", "internal", "rabbitmq", "start.sh"),
		"PHONEBILL_TEST_DAPRD=" + paths[0],
		"PHONEBILL_TEST_HELM=" + paths[1],
		"PHONEBILL_TEST_COLLECTOR=" + paths[2],
		"PHONEBILL_TEST_PROMTOOL=" + promtool,
	}
	return nil
}

func (e *Env) path(name string) string { return e.dir + "/" + name }

// startPostgres starts PostgreSQL and returns the superuser's URL.
func (e *Env) startPostgres(ctx context.Context) (string, error) {
	port, err := proc.FreePort()
	if err != nil {
		return "", err
	}
	server := postgres.Server{Dir: e.path("postgres"), Log: e.path("postgres.log"), Port: port}
	child, err := server.Start(ctx)
	if err != nil {
		return "", err
	}
	if err := e.await(ctx, "postgres", child, func() error { return server.Ping(ctx) }); err != nil {
		return "", err
	}
	return server.URL("postgres")
}

func (e *Env) startRedis(ctx context.Context, binary string) (port int, password string, err error) {
	if port, err = proc.FreePort(); err != nil {
		return 0, "", err
	}
	password = rand.Text()
	child, err := redis.Start(redis.Config{
		Binary: binary, Dir: e.path("redis"), Log: e.path("redis.log"), Port: port, Password: password,
	})
	if err != nil {
		return 0, "", err
	}
	return port, password, e.await(ctx, "redis", child, func() error { return redis.Ping(ctx, redis.Address(port), password) })
}

// await records a server for later cleanup, and waits until it is ready or has ended.
func (e *Env) await(ctx context.Context, name string, child *proc.Child, ready func() error) error {
	if err := e.records.Save(name, child.Process); err != nil {
		return errors.Join(err, child.Signal(syscall.SIGKILL))
	}
	var last error
	err := proc.Poll(ctx, func() bool {
		last = ready()
		return last == nil || !child.Alive()
	})
	return errors.Join(err, last)
}

// Stop stops the servers and removes their data.
func (e *Env) Stop() error { return errors.Join(e.clear(), e.lock.Release()) }

// clear kills the servers, because their data are not needed.
func (e *Env) clear() error {
	left, err := e.records.All()
	if err != nil {
		return err
	}
	for _, process := range left {
		for family := process.Family(); len(family) > 0; family = process.Family() {
			for _, member := range family {
				if err := member.Signal(syscall.SIGKILL); err != nil && !errors.Is(err, proc.ErrGone) {
					return err
				}
			}
			_ = proc.Pause(context.Background(), 10*time.Millisecond) // until the kernel has ended them
		}
	}
	return os.RemoveAll(e.dir)
}
