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

// TestFullServerEvictsOrRefuses fills a server of each kind beyond its limit.
func TestFullServerEvictsOrRefuses(t *testing.T) {
	t.Parallel()
	binary := testvar.Get(t, "PHONEBILL_TEST_REDIS_SERVER")
	for evict, want := range map[bool]string{true: "", false: "OOM"} {
		port, err := proc.FreePort()
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		child, err := redis.Start(redis.Config{
			Binary: binary, Dir: dir, Log: filepath.Join(dir, "log"), Port: port, Password: "p", Memory: 4 << 20, Evict: evict,
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = child.Signal(syscall.SIGTERM) // ErrGone is fine
			<-child.Done()
		})
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		address := redis.Address(port)
		if err := proc.Poll(ctx, func() bool { return redis.Ping(ctx, address, "p") == nil }); err != nil {
			t.Fatal(err)
		}
		if err := redis.Fill(ctx, address, "p", "bill ", 8<<20); (err == nil) != evict || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("evict %t: %v", evict, err)
		}
	}
}
