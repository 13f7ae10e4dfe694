package password

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/phonebill/phonebill/apps/internal/bubble"
	"github.com/phonebill/phonebill/apps/internal/config"
	"github.com/phonebill/phonebill/apps/internal/expect"
	"github.com/phonebill/phonebill/apps/internal/problem"
)

// cheap are parameters for fast tests. They are not secure.
var cheap = Config{MemoryKiB: 64, Iterations: 1, Parallelism: 1, Concurrency: 1, Queue: 100, MaxWait: time.Minute}

func setup(t *testing.T, cfg Config) (*Hasher, *prometheus.Registry) {
	t.Helper()
	registry := prometheus.NewRegistry()
	return New(cfg, registry), registry
}

func TestVerify(t *testing.T) {
	t.Parallel()
	h, _ := setup(t, cheap)
	hash, err := h.Hash(t.Context(), "", "비밀번호 1!")
	if err != nil {
		t.Fatal(err)
	}
	for password, want := range map[string]bool{
		"비밀번호 1!": true, "비밀번호 1": false, "": false, hash: false,
	} {
		if got, _, err := h.Verify(t.Context(), "", password, hash, nil); err != nil || got != want {
			t.Errorf("Verify(%q) = %t, %v, want %t", password, got, err, want)
		}
	}
}

func TestHashesAreSaltedAndCarryTheirParameters(t *testing.T) {
	t.Parallel()
	h, _ := setup(t, cheap)
	first, err1 := h.Hash(t.Context(), "", "same password")
	second, err2 := h.Hash(t.Context(), "", "same password")
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	if first == second {
		t.Error("two hashes of a password are equal")
	}
	if !strings.HasPrefix(first, "$argon2id$v=19$m=64,t=1,p=1$") {
		t.Errorf("hash is %s", first)
	}
	dearer := cheap
	dearer.Iterations = 2
	later, _ := setup(t, dearer)
	if ok, _, err := later.Verify(t.Context(), "", "same password", first, nil); err != nil || !ok {
		t.Errorf("after a change of parameters: %t, %v", ok, err)
	}
}

func TestUnknownUserTakesTheSameWork(t *testing.T) {
	t.Parallel()
	h, registry := setup(t, cheap)
	for _, password := range []string{"any password", ""} {
		if ok, _, err := h.Verify(t.Context(), "", password, "", nil); err != nil || ok {
			t.Errorf("Verify of an unknown user = %t, %v", ok, err)
		}
	}
	if got := hashes(t, registry); got != 2 {
		t.Errorf("%d hashes computed, want 2", got)
	}
	if !strings.HasPrefix(h.dummyHash, "$argon2id$v=19$m=64,t=1,p=1$") {
		t.Errorf("the parameters of dummyHash differ: %s", h.dummyHash)
	}
}

// hashes returns the number of hashes counted by the metric.
func hashes(t *testing.T, registry *prometheus.Registry) uint64 {
	t.Helper()
	families, err := registry.Gather()
	for _, family := range families {
		if family.GetName() == "phonebill_auth_password_hash_seconds" {
			return family.GetMetric()[0].GetHistogram().GetSampleCount()
		}
	}
	t.Fatalf("metrics are %v, %v", families, err)
	return 0
}

func TestDamagedHashIsAnError(t *testing.T) {
	t.Parallel()
	h, _ := setup(t, cheap)
	refused := errors.New("refused")
	if _, _, err := h.Verify(t.Context(), "", "any password", "", func(context.Context) error { return refused }); !errors.Is(err, refused) {
		t.Errorf("got %v, want the error of begin", err)
	}
	if _, _, err := h.Verify(t.Context(), "", "any password", "$argon2id$damaged", nil); err == nil || errors.Is(err, ErrBusy) {
		t.Errorf("got %v", err)
	}
	if _, err := h.Hash(t.Context(), "", "after the slot was freed"); err != nil {
		t.Error(err)
	}
}

// neverBegun returns a begin function that must not be called, because an attempt that times out in
// the queue must not be counted.
func neverBegun(t *testing.T) func(context.Context) error {
	t.Helper()
	return func(context.Context) error {
		t.Error("begin was called")
		return nil
	}
}

func TestWaitingEnds(t *testing.T) {
	t.Parallel()
	t.Run("when the context ends", func(t *testing.T) {
		t.Parallel()
		h, _ := setup(t, cheap)
		expect.NoError(t, h.queue.enter(t.Context(), "")) // another caller works
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := h.Hash(ctx, "", "a password")
		wantBusy(t, err, context.Canceled)
		_, _, err = h.Verify(ctx, "", "a password", "", neverBegun(t))
		wantBusy(t, err, context.Canceled)
	})
	t.Run("after MaxWait", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			h, _ := setup(t, cheap)
			expect.NoError(t, h.queue.enter(t.Context(), ""))
			began := time.Now()
			_, err := h.Hash(t.Context(), "", "a password")
			wantBusy(t, err, context.DeadlineExceeded)
			if waited := time.Since(began); waited != cheap.MaxWait {
				t.Errorf("waited for %s", waited)
			}
			h.queue.leave(0)
			if _, err := h.Hash(t.Context(), "", "a password"); err != nil {
				t.Error(err)
			}
		})
	})
}

func wantBusy(t *testing.T, err, cause error) {
	t.Helper()
	if !errors.Is(err, ErrBusy) || !errors.Is(err, cause) {
		t.Errorf("got %v, want %v because of %v", err, ErrBusy, cause)
	}
}

func TestConcurrentHashesAreBounded(t *testing.T) {
	t.Parallel()
	h, registry := setup(t, cheap)
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			if _, err := h.Hash(t.Context(), "", "a password"); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if got := hashes(t, registry); got != 50 || h.queue.working != 0 || len(h.queue.places) != 0 {
		t.Errorf("%d hashes computed, %d slots and %d places taken", got, h.queue.working, len(h.queue.places))
	}
}

func TestFullQueueRefusesAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		small := cheap
		small.Queue = 3
		h, registry := setup(t, small)
		defer h.releaseTimer.Stop()
		expect.NoError(t, h.queue.enter(t.Context(), "")) // another caller works
		var group sync.WaitGroup
		for range small.Queue {
			if err := h.Admit(""); err != nil {
				t.Error(err)
			}
			group.Go(func() {
				if _, err := h.Hash(t.Context(), "", "a password"); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		start := time.Now()
		if _, _, err := h.Verify(t.Context(), "", "a password", "", neverBegun(t)); !errors.Is(err, ErrBusy) || !errors.Is(h.Admit(""), ErrBusy) || time.Since(start) != 0 {
			t.Errorf("over capacity: %v after %v", err, time.Since(start))
		}
		refusal := problem.From(h.Admit(""))
		if refusal.Kind != problem.TooManyRequests || refusal.RetryAfter < time.Second {
			t.Errorf("the refusal has kind %v and Retry-After %v", refusal.Kind, refusal.RetryAfter)
		}
		h.queue.leave(0)
		group.Wait()
		if got := hashes(t, registry); got != 3 {
			t.Errorf("%d hashes computed", got)
		}
		if err := h.Admit(""); err != nil {
			t.Error(err)
		}
	})
}

func TestCheaperHashesAreOutdated(t *testing.T) {
	t.Parallel()
	now := cheap
	now.MemoryKiB, now.Iterations, now.Parallelism = 128, 2, 2
	h, _ := setup(t, now)
	for name, c := range map[string]struct {
		change func(*Config)
		want   bool
	}{
		"the same":         {func(*Config) {}, false},
		"more expensive":   {func(c *Config) { c.MemoryKiB, c.Iterations = 256, 3 }, false},
		"less memory":      {func(c *Config) { c.MemoryKiB = 64 }, true},
		"fewer iterations": {func(c *Config) { c.Iterations = 1 }, true},
		"less parallel":    {func(c *Config) { c.Parallelism = 1 }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			then := now
			c.change(&then)
			old, _ := setup(t, then)
			hash, err := old.Hash(t.Context(), "", "a password")
			if err != nil {
				t.Fatal(err)
			}
			right, outdated, err := h.Verify(t.Context(), "", "a password", hash, nil)
			if err != nil || !right || outdated != c.want {
				t.Errorf("got %t, %t, %v", right, outdated, err)
			}
			_, outdated, err = h.Verify(t.Context(), "", "another password", hash, nil)
			if err != nil || outdated {
				t.Errorf("after a wrong password: %t, %v", outdated, err)
			}
		})
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		environ []string
		valid   bool
	}{
		"defaults":       {nil, true},
		"no memory":      {[]string{"PASSWORD_MEMORY_KIB=7"}, false},
		"no iterations":  {[]string{"PASSWORD_ITERATIONS=0"}, false},
		"no parallelism": {[]string{"PASSWORD_PARALLELISM=0"}, false},
		"negative":       {[]string{"PASSWORD_CONCURRENCY=-1"}, false},
		"no queue":       {[]string{"PASSWORD_QUEUE=0"}, false},
		"no wait":        {[]string{"PASSWORD_MAX_WAIT=0s"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := config.Load[Config](c.environ); (err == nil) != c.valid {
				t.Errorf("got %v", err)
			}
		})
	}
}

// BenchmarkFlood sends 200 logins at once, with the cost parameters of production, and reports the
// peak memory of the process and the number of refusals.
func BenchmarkFlood(b *testing.B) {
	cfg, err := config.Load[Config](nil)
	if err != nil {
		b.Fatal(err)
	}
	h := New(cfg, prometheus.NewRegistry())
	var peak, refused atomic.Uint64
	for b.Loop() {
		var flood sync.WaitGroup
		for range 200 {
			flood.Go(func() {
				if _, _, err := h.Verify(b.Context(), "", "any password", "", nil); err != nil {
					refused.Add(1)
				}
				var stats runtime.MemStats
				runtime.ReadMemStats(&stats)
				peak.Store(max(peak.Load(), stats.Sys-stats.HeapReleased))
			})
		}
		flood.Wait()
	}
	b.ReportMetric(float64(peak.Load())/(1<<20), "peak-MiB")
	b.ReportMetric(float64(refused.Load())/float64(b.N), "refused/op")
}

func BenchmarkVerify(b *testing.B) {
	cfg, err := config.Load[Config](nil)
	if err != nil {
		b.Fatal(err)
	}
	h := New(cfg, prometheus.NewRegistry())
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := h.Verify(b.Context(), "", "any password", "", nil); err != nil {
			b.Fatal(err)
		}
	}
}

// TestMemoryIsReleased is not parallel, because it counts garbage collections.
//
//nolint:paralleltest // see above
func TestMemoryIsReleased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _ := setup(t, cheap)
		collections := func() uint32 {
			var stats runtime.MemStats
			runtime.ReadMemStats(&stats)
			return stats.NumForcedGC
		}
		bubble.Advance(2 * idleBeforeRelease) // after the release that New has scheduled
		synctest.Wait()
		before := collections()
		for range 3 {
			if _, err := h.Hash(t.Context(), "", "password"); err != nil {
				t.Fatal(err)
			}
			bubble.Advance(idleBeforeRelease / 2)
		}
		if during := collections(); during != before {
			t.Errorf("memory was released %d times between hashes", during-before)
		}
		bubble.Advance(idleBeforeRelease)
		synctest.Wait()
		if after := collections(); after != before+1 {
			t.Errorf("memory was released %d times after the last hash, want once", after-before)
		}
	})
}
