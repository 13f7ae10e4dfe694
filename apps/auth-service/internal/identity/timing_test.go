package identity_test

import (
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
	"github.com/phonebill/phonebill/apps/auth-service/internal/identity/identitytest"
	"github.com/phonebill/phonebill/apps/auth-service/internal/password"
)

// tries are a wrong password of kim's and an id that nobody has, both with real
// hashes.
type tries struct {
	tb       testing.TB
	sessions *identity.Sessions
	store    *identitytest.Memory
}

func newTries(tb testing.TB, cost password.Config) *tries {
	tb.Helper()
	cost.Concurrency, cost.Queue, cost.MaxWait = 1, 1, time.Minute
	w, hasher := setup(), password.New(cost, prometheus.NewRegistry())
	hash, err := hasher.Hash(tb.Context(), identitytest.Password)
	if err != nil {
		tb.Fatal(err)
	}
	w.store.Change("kim", func(a *identity.Account) { a.PasswordHash = hash })
	params := w.sessions.SessionsParams
	params.Guard = identity.NewGuard(identity.GuardParams{Credentials: w.store, Passwords: hasher, Attempts: w.store})
	return &tries{tb, identity.NewSessions(params), w.store}
}

// once returns how long the refusal of an id took.
func (t *tries) once(id string) time.Duration {
	t.tb.Helper()
	start := time.Now()
	_, err := t.sessions.Login(t.tb.Context(), credentials(id, "wrong password"))
	took := time.Since(start)
	if problem := t.store.Reset(t.tb.Context(), id); problem != nil || err == nil {
		t.tb.Fatal(problem, err)
	}
	return took
}

// medians returns those of n tries each, in turns: whatever else the machine
// does meets both.
func (t *tries) medians(n int) (wrong, unknown time.Duration) {
	t.tb.Helper()
	var wrongs, unknowns []time.Duration
	for range n {
		wrongs, unknowns = append(wrongs, t.once("kim")), append(unknowns, t.once("nobody"))
	}
	slices.Sort(wrongs)
	slices.Sort(unknowns)
	return wrongs[n/2], unknowns[n/2]
}

// TestWorkDoesNotTellWhoExists: what costs time, a hash, is done for an id that
// nobody has as for a wrong password. How long both take BenchmarkRefusal tells.
func TestWorkDoesNotTellWhoExists(t *testing.T) {
	t.Parallel()
	w := setup()
	for i, id := range []string{"kim", "nobody"} {
		w.guess(t, id, identity.ErrCredentials)
		same(t, w.passwords.Work(), i+1)
	}
}

// BenchmarkRefusal tells how the median of a wrong password relates to that of
// an unknown id, at the cost of production.
func BenchmarkRefusal(b *testing.B) {
	tries := newTries(b, password.Config{MemoryKiB: 19456, Iterations: 2, Parallelism: 1})
	for b.Loop() {
		wrong, unknown := tries.medians(200)
		b.ReportMetric(float64(wrong)/float64(unknown), "wrong/unknown")
	}
}
