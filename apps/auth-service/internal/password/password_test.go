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

	"github.com/phonebill/phonebill/apps/internal/config"
	"github.com/phonebill/phonebill/apps/internal/problem"
)

// cheap are parameters that make tests quick. They protect nothing.
var cheap = Config{MemoryKiB: 64, Iterations: 1, Parallelism: 1, Concurrency: 1, Queue: 100, MaxWait: time.Minute}

func setup(t *testing.T, cfg Config) (*Hasher, *prometheus.Registry) {
	t.Helper()
	registry := prometheus.NewRegistry()
	return New(cfg, registry), registry
}

func TestVerifyKnowsThePassword(t *testing.T) {
	t.Parallel()
	h, _ := setup(t, cheap)
	hash, err := h.Hash(t.Context(), "비밀번호 1!")
	if err != nil {
		t.Fatal(err)
	}
	for password, want := range map[string]bool{
		"비밀번호 1!": true, "비밀번호 1": false, "": false, hash: false,
	} {
		if got, _, err := h.Verify(t.Context(), password, hash, nil); err != nil || got != want {
			t.Errorf("Verify(%q) = %t, %v, want %t", password, got, err, want)
		}
	}
}

func TestHashesAreSaltedAndCarryTheirParameters(t *testing.T) {
	t.Parallel()
	h, _ := setup(t, cheap)
	first, err1 := h.Hash(t.Context(), "same password")
	second, err2 := h.Hash(t.Context(), "same password")
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
	if ok, _, err := later.Verify(t.Context(), "same password", first, nil); err != nil || !ok {
		t.Errorf("after a change of parameters: %t, %v", ok, err)
	}
}

func TestNobodyIsAsMuchWork(t *testing.T) {
	t.Parallel()
	h, registry := setup(t, cheap)
	for _, password := range []string{"any password", ""} {
		if ok, _, err := h.Verify(t.Context(), password, "", nil); err != nil || ok {
			t.Errorf("Verify of nobody = %t, %v", ok, err)
		}
	}
	if got := hashes(t, registry); got != 2 {
		t.Errorf("%d hashes computed, want 2", got)
	}
	if !strings.HasPrefix(h.decoy, "$argon2id$v=19$m=64,t=1,p=1$") {
		t.Errorf("the decoy costs something else: %s", h.decoy)
	}
}

// hashes returns how many hashes the metric knows of.
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

func TestADamagedHashIsAnError(t *testing.T) {
	t.Parallel()
	h, _ := setup(t, cheap)
	refused := errors.New("refused")
	if _, _, err := h.Verify(t.Context(), "any password", "", func(context.Context) error { return refused }); !errors.Is(err, refused) {
		t.Errorf("what began with a refusal ended with %v", err)
	}
	if _, _, err := h.Verify(t.Context(), "any password", "$argon2id$damaged", nil); err == nil || errors.Is(err, ErrBusy) {
		t.Errorf("got %v", err)
	}
	if _, err := h.Hash(t.Context(), "the slot is free again"); err != nil {
		t.Error(err)
	}
}

// neverBegun is the beginning of work whose turn does not come: an attempt that
// waits in vain must not be counted as one.
func neverBegun(t *testing.T) func(context.Context) error {
	t.Helper()
	return func(context.Context) error {
		t.Error("it has begun")
		return nil
	}
}

func TestWaitingEnds(t *testing.T) {
	t.Parallel()
	t.Run("with the context", func(t *testing.T) {
		t.Parallel()
		h, _ := setup(t, cheap)
		h.slots <- struct{}{} // somebody is at work
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := h.Hash(ctx, "a password")
		wantBusy(t, err, context.Canceled)
		_, _, err = h.Verify(ctx, "a password", "", neverBegun(t))
		wantBusy(t, err, context.Canceled)
	})
	t.Run("after the longest wait", func(t *testing.T) {
		t.Parallel()
		impatient := cheap
		impatient.MaxWait = time.Millisecond
		h, _ := setup(t, impatient)
		h.slots <- struct{}{}
		_, err := h.Hash(t.Context(), "a password")
		wantBusy(t, err, context.DeadlineExceeded)
		<-h.slots
		if _, err := h.Hash(t.Context(), "a password"); err != nil {
			t.Error(err)
		}
	})
}

func wantBusy(t *testing.T, err, cause error) {
	t.Helper()
	if !errors.Is(err, ErrBusy) || !errors.Is(err, cause) {
		t.Errorf("got %v, want %v because of %v", err, ErrBusy, cause)
	}
}

func TestManyAtOnceTakeTurns(t *testing.T) {
	t.Parallel()
	h, registry := setup(t, cheap)
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			if _, err := h.Hash(t.Context(), "a password"); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if got := hashes(t, registry); got != 50 || len(h.slots) != 0 || len(h.places) != 0 {
		t.Errorf("%d hashes computed, %d slots and %d places taken", got, len(h.slots), len(h.places))
	}
}

func TestMoreThanCanWaitAreRefusedAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		small := cheap
		small.Queue = 3
		h, registry := setup(t, small)
		defer h.atRest.Stop()
		h.places <- struct{}{} // somebody is at work
		h.slots <- struct{}{}
		var group sync.WaitGroup
		for range small.Queue {
			if err := h.Admit(); err != nil {
				t.Error(err)
			}
			group.Go(func() {
				if _, err := h.Hash(t.Context(), "a password"); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		start := time.Now()
		if _, _, err := h.Verify(t.Context(), "a password", "", neverBegun(t)); !errors.Is(err, ErrBusy) || !errors.Is(h.Admit(), ErrBusy) || time.Since(start) != 0 {
			t.Errorf("one too many: %v after %v", err, time.Since(start))
		}
		refusal := problem.From(h.Admit())
		if refusal.Kind != problem.TooManyRequests || refusal.RetryAfter < time.Second {
			t.Errorf("the refusal is of kind %v and says to come back after %v", refusal.Kind, refusal.RetryAfter)
		}
		<-h.slots
		<-h.places
		group.Wait()
		if got := hashes(t, registry); got != 3 {
			t.Errorf("%d hashes computed", got)
		}
		if err := h.Admit(); err != nil {
			t.Error(err)
		}
	})
}

func TestHashesThatCostLessAreOutdated(t *testing.T) {
	t.Parallel()
	now := cheap
	now.MemoryKiB, now.Iterations, now.Parallelism = 128, 2, 2
	h, _ := setup(t, now)
	for name, c := range map[string]struct {
		change func(*Config)
		want   bool
	}{
		"the same":         {func(*Config) {}, false},
		"dearer":           {func(c *Config) { c.MemoryKiB, c.Iterations = 256, 3 }, false},
		"less memory":      {func(c *Config) { c.MemoryKiB = 64 }, true},
		"fewer iterations": {func(c *Config) { c.Iterations = 1 }, true},
		"less parallel":    {func(c *Config) { c.Parallelism = 1 }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			then := now
			c.change(&then)
			old, _ := setup(t, then)
			hash, err := old.Hash(t.Context(), "a password")
			if err != nil {
				t.Fatal(err)
			}
			right, outdated, err := h.Verify(t.Context(), "a password", hash, nil)
			if err != nil || !right || outdated != c.want {
				t.Errorf("got %t, %t, %v", right, outdated, err)
			}
			_, outdated, err = h.Verify(t.Context(), "another password", hash, nil)
			if err != nil || outdated {
				t.Errorf("of a wrong password: %t, %v", outdated, err)
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
		"no patience":    {[]string{"PASSWORD_MAX_WAIT=0s"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := config.Load[Config](c.environ); (err == nil) != c.valid {
				t.Errorf("got %v", err)
			}
		})
	}
}

// BenchmarkFlood has 200 logins at once, with the costs of production, and tells
// how much memory the process held at most, and how many were refused.
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
				if _, _, err := h.Verify(b.Context(), "any password", "", nil); err != nil {
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
		if _, _, err := h.Verify(b.Context(), "any password", "", nil); err != nil {
			b.Fatal(err)
		}
	}
}

// TestMemoryIsGivenBack is not parallel: it counts collections.
//
//nolint:paralleltest // see above
func TestMemoryIsGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _ := setup(t, cheap)
		collections := func() uint32 {
			var stats runtime.MemStats
			runtime.ReadMemStats(&stats)
			return stats.NumForcedGC
		}
		pass := func(d time.Duration) { time.Sleep(d) } //nolint:forbidigo // the bubble's clock jumps
		pass(2 * rest)                                  // until New is forgotten
		synctest.Wait()
		before := collections()
		for range 3 {
			if _, err := h.Hash(t.Context(), "password"); err != nil {
				t.Fatal(err)
			}
			pass(rest / 2)
		}
		if during := collections(); during != before {
			t.Errorf("memory was given back %d times between hashes", during-before)
		}
		pass(rest)
		synctest.Wait()
		if after := collections(); after != before+1 {
			t.Errorf("memory was given back %d times after the last hash, want once", after-before)
		}
	})
}
