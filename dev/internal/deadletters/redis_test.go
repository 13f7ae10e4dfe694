package deadletters_test

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/phonebill/phonebill/dev/internal/deadletters"
	"github.com/phonebill/phonebill/dev/internal/proc"
	"github.com/phonebill/phonebill/dev/internal/redis"
	"github.com/phonebill/phonebill/dev/internal/testvar"
)

type redisWorld struct{ deadletters.Redis }

func startRedis(t *testing.T) world {
	t.Helper()
	binary := testvar.Get(t, "PHONEBILL_TEST_REDIS_SERVER")
	port, dir := freePort(t), t.TempDir()
	child, err := redis.Start(redis.Config{Binary: binary, Dir: dir, Log: dir + "/log", Port: port, Password: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	endAfter(t, child)
	await(t, func(ctx context.Context) bool { return redis.Ping(ctx, redis.Address(port), "secret") == nil })
	client := goredis.NewClient(&goredis.Options{Addr: redis.Address(port), Password: "secret"})
	t.Cleanup(func() { _ = client.Close() })
	return redisWorld{deadletters.Redis{Client: client}}
}

func freePort(t *testing.T) int {
	t.Helper()
	port, err := proc.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// endAfter stops a server when the test ends.
func endAfter(t *testing.T, child *proc.Child) {
	t.Helper()
	t.Cleanup(func() {
		_ = child.Signal(syscall.SIGTERM) // ErrGone is fine
		<-child.Done()
	})
}

func await(t *testing.T, condition func(ctx context.Context) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := proc.Poll(ctx, func() bool { return condition(ctx) }); err != nil {
		t.Fatal(err)
	}
}

func (w redisWorld) bury(t *testing.T, topic, data string) {
	t.Helper()
	if err := w.XAdd(t.Context(), &goredis.XAddArgs{Stream: topic + ".dead", Values: []string{"data", data, "metadata", "{}"}}).Err(); err != nil {
		t.Fatal(err)
	}
}

func (w redisWorld) sent(t *testing.T, topic string) []string {
	t.Helper()
	entries, err := w.XRange(t.Context(), topic, "-", "+").Result()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, entry := range entries {
		all = append(all, fmt.Sprint(entry.Values["data"]))
		if entry.Values["metadata"] != "{}" {
			t.Errorf("the metadata is %v", entry.Values["metadata"])
		}
	}
	return all
}

func TestInterruptedReplayLosesNothing(t *testing.T) {
	t.Parallel()
	w := startRedis(t).(redisWorld)
	w.bury(t, changed, event("1"))
	w.AddHook(failing{"xdel"})
	if moved, err := w.Replay(t.Context(), changed); moved != 0 || err == nil {
		t.Errorf("moved %d, %v", moved, err)
	}
	if left, err := w.List(t.Context()); len(left) != 1 || err != nil {
		t.Errorf("left %v, %v", left, err)
	}
}

// failing fails the commands with a name.
type failing struct{ name string }

func (failing) DialHook(next goredis.DialHook) goredis.DialHook { return next }

func (failing) ProcessPipelineHook(next goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return next
}

func (f failing) ProcessHook(next goredis.ProcessHook) goredis.ProcessHook {
	return func(ctx context.Context, cmd goredis.Cmder) error {
		if cmd.Name() == f.name {
			cmd.SetErr(context.Canceled)
			return context.Canceled
		}
		return next(ctx, cmd)
	}
}
