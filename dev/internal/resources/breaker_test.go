package resources

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/phonebill/phonebill/dev/internal/runfile"
)

const (
	lines  = "POST /api/kos/product-inquiry"
	orders = "POST /api/kos/product-change"
)

// caller returns the sidecar of an app that calls several KOS endpoints, in production.
func caller(t *testing.T) sidecar {
	t.Helper()
	all := apps(t)
	i := slices.IndexFunc(all, func(app runfile.App) bool { return app.ID == "product-change-service" })
	return start(t, "azure", all[i])
}

// TestFailingKOSPathDoesNotAffectOthers makes inquiries fail until their breaker opens, in production,
// where KOS consists of HTTPEndpoints. Orders must succeed.
func TestFailingKOSPathDoesNotAffectOthers(t *testing.T) {
	t.Parallel()
	s := caller(t)
	policy := loadPolicies(t).of(t, "kos-product-inquiry").policies
	tries := loadPolicies(t).retries[policy.Retry].MaxRetries + 1
	if trip := loadPolicies(t).breakers[policy.CircuitBreaker].Trip; trip != "consecutiveFailures >= 5" || tries != 3 {
		t.Fatalf("unexpected policies: %s, %d tries", trip, tries)
	}
	s.kos.fail(path(lines), status(http.StatusServiceUnavailable))
	for call, want := range []int{tries, 5 - tries, 0, 0} { // an open breaker ends the tries
		code, body := s.askKOS(t, lines)
		if n := s.kos.calls(path(lines)); n != want {
			t.Errorf("call %d was tried %d times, want %d", call+1, n, want)
		}
		if open := strings.Contains(body, "circuit breaker is open"); open != (call > 0) {
			t.Errorf("call %d: %d %s", call+1, code, body)
		}
	}
	if code, body := s.askKOS(t, orders); code != http.StatusOK {
		t.Errorf("an order: %d %s", code, body)
	}
	if n := s.kos.calls(path(orders)); n != 1 {
		t.Errorf("an order was sent %d times", n)
	}
}

// TestKOSRetriesFollowThePolicies counts the calls that reach KOS behind an HTTPEndpoint.
func TestKOSRetriesFollowThePolicies(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		trouble http.HandlerFunc
		tries   int
	}{
		"fault":   {status(http.StatusBadGateway), 3},
		"refusal": {status(http.StatusBadRequest), 1},
		"limit":   {status(http.StatusTooManyRequests), 1},
		"hang":    {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := caller(t)
			s.kos.fail(path(orders), test.trouble)
			began := time.Now()
			s.askKOS(t, orders)
			if n := s.kos.calls(path(orders)); n != test.tries {
				t.Errorf("tried %d times, want %d", n, test.tries)
			}
			const slack = 5 * time.Second // for a busy machine
			if took, longest := time.Since(began), loadPolicies(t).longest(loadPolicies(t).of(t, "kos-product-change")); took > longest+slack {
				t.Errorf("took %s, longer than %s", took, longest)
			}
		})
	}
}

func path(operation string) string {
	_, path, _ := strings.Cut(operation, " ")
	return path
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}
