package identity_test

import (
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
	"github.com/phonebill/phonebill/apps/auth-service/internal/identity/identitytest"
	"github.com/phonebill/phonebill/apps/auth-service/internal/password"
	"github.com/phonebill/phonebill/apps/internal/expect"
)

// refusals measures logins with a wrong password of kim and with an unknown id, with real hashes.
type refusals struct {
	tb       testing.TB
	sessions *identity.Sessions
	store    *identitytest.Memory
}

func newRefusals(tb testing.TB, cost password.Config) *refusals {
	tb.Helper()
	cost.Concurrency, cost.Queue, cost.MaxWait = 1, 1, time.Minute
	w, hasher := setup(), password.New(cost, prometheus.NewRegistry())
	hash, err := hasher.Hash(tb.Context(), "", identitytest.Password)
	if err != nil {
		tb.Fatal(err)
	}
	w.store.Change("kim", func(a *identity.Account) { a.PasswordHash = hash })
	params := w.sessions.SessionsParams
	params.Guard = identity.NewGuard(identity.GuardParams{Credentials: w.store, Passwords: hasher, Attempts: w.store})
	return &refusals{tb, identity.NewSessions(params), w.store}
}

// duration returns the duration of a refused login.
func (t *refusals) duration(id string) time.Duration {
	t.tb.Helper()
	start := time.Now()
	_, err := t.sessions.Login(t.tb.Context(), credentials(id, "wrong password"))
	took := time.Since(start)
	if problem := t.store.Reset(t.tb.Context(), id); problem != nil || err == nil {
		t.tb.Fatal(problem, err)
	}
	return took
}

// medians returns the median durations of n logins each, interleaved so that other load on the
// machine affects both.
func (t *refusals) medians(n int) (wrong, unknown time.Duration) {
	t.tb.Helper()
	var wrongs, unknowns []time.Duration
	for range n {
		wrongs, unknowns = append(wrongs, t.duration("kim")), append(unknowns, t.duration("absent"))
	}
	slices.Sort(wrongs)
	slices.Sort(unknowns)
	return wrongs[n/2], unknowns[n/2]
}

// TestWorkDoesNotRevealWhoExists checks that an unknown id takes as many hashes as a wrong
// password. BenchmarkRefusal compares the durations.
func TestWorkDoesNotRevealWhoExists(t *testing.T) {
	t.Parallel()
	w := setup()
	for i, id := range []string{"kim", "absent"} {
		w.guess(t, id, identity.ErrCredentials)
		expect.Equal(t, w.passwords.Work(), i+1)
	}
}

// BenchmarkRefusal reports the ratio of the median durations of a wrong password and an unknown id,
// with the cost parameters of production.
func BenchmarkRefusal(b *testing.B) {
	measured := newRefusals(b, password.Config{MemoryKiB: 19456, Iterations: 2, Parallelism: 1})
	for b.Loop() {
		wrong, unknown := measured.medians(200)
		b.ReportMetric(float64(wrong)/float64(unknown), "wrong/unknown")
	}
}
