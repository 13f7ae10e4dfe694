package redis_test

import (
	"context"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/phonebill/phonebill/dev/internal/proc"
	"github.com/phonebill/phonebill/dev/internal/redis"
	"github.com/phonebill/phonebill/dev/internal/testvar"
)

func TestServerRequiresPassword(t *testing.T) {
	t.Parallel()
	binary := testvar.Get(t, "PHONEBILL_TEST_REDIS_SERVER")
	port, err := proc.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	const password = `a "quoted" back\slash`
	child, err := redis.Start(redis.Config{
		Binary: binary, Dir: filepath.Join(dir, "with space"), Log: filepath.Join(dir, "log"),
		Port: port, Password: password, Durable: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = child.Signal(syscall.SIGTERM) // ErrGone is fine
		<-child.Done()
	})
	address := redis.Address(port)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := proc.Poll(ctx, func() bool { return redis.Ping(ctx, address, password) == nil }); err != nil {
		t.Fatalf("not ready: %v", redis.Ping(t.Context(), address, password))
	}
	if err := redis.Ping(ctx, address, "another"); err == nil || !strings.Contains(err.Error(), "WRONGPASS") {
		t.Errorf("with another password: %v", err)
	}
	if n, err := redis.Count(ctx, address, password, "absent"); err != nil || n != 0 {
		t.Errorf("count in an empty store: %d, %v", n, err)
	}
	if strings.Contains(child.Command(), "quoted") {
		t.Errorf("the password is in the process list: %s", child.Command())
	}
}
