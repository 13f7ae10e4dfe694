package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/phonebill/phonebill/dev/e2e/internal/abuse"
	"github.com/phonebill/phonebill/dev/e2e/internal/fuzz"
	"github.com/phonebill/phonebill/dev/internal/api"
	"github.com/phonebill/phonebill/dev/openapitest/access"
)

// maxReplaced is the maximum number of customers of a run.
const maxReplaced = 500

// fuzzWorld contains the callers of a run. They are users of its own; those without a usable
// session or password are replaced.
type fuzzWorld struct {
	values map[string][]string
	admin  *api.Client

	mu      sync.Mutex
	callers []fuzz.Caller
	spare   fuzz.Caller // the next customer
	insider fuzz.Caller // may call what the ingress does not route

	suspects chan suspect
	locked   chan struct{}
	replaced int
}

// suspect is a caller whose token may have become unusable.
type suspect struct {
	token string
	sure  bool
}

// fuzzCustomers is the number of customers, which are the first callers.
const fuzzCustomers = 4

func newFuzzWorld(t *testing.T) *fuzzWorld {
	t.Helper()
	w := &fuzzWorld{values: fuzzValues(), admin: demo(t, "admin01"), suspects: make(chan suspect, 64), locked: make(chan struct{}, 1)}
	for range fuzzCustomers {
		w.callers = append(w.callers, newFuzzCustomer(t))
	}
	w.spare = newFuzzCustomer(t)
	victim, visitor := knownOnly(t), knownOnly(t)
	w.callers = append(w.callers,
		fuzz.Caller{
			Name: "administrator", Rules: []access.Rule{access.Admin}, Person: abuse.Person{Token: w.admin.Tokens.Access, Owns: map[string]string{"user": victim.UserID}},
			Spared: []string{"POST /api/v1/auth/logout", "POST /api/v1/auth/change-password", "POST /api/v1/auth/refresh", "DELETE /api/v1/auth/sessions/{sessionId}"},
		},
		fuzz.Caller{
			Name: "anybody", Rules: []access.Rule{access.Public, access.Unrouted},
			Person: abuse.Person{Owns: map[string]string{"user": visitor.UserID, "line": visitor.Line}},
			Known:  map[string]string{"customerId": visitor.CustomerID, "userName": visitor.Name},
		},
		fuzz.Caller{Name: "forger", Person: abuse.Person{Token: w.admin.Tokens.Access + "x"}},
	)
	w.insider = newInsider(t)
	return w
}

// fuzzValues are values for parameters without values in the documents.
func fuzzValues() map[string][]string {
	now := time.Now().In(api.Seoul)
	day := func(days int) string { return now.AddDate(0, 0, days).Format(time.DateOnly) }
	products := []string{"5G-PREMIUM-001", "5G-STANDARD-001", "LTE-PREMIUM-001", "LTE-BASIC-001", "3G-OLD-001"}
	return map[string][]string{
		"password": {password}, "currentPassword": {password}, "newPassword": {"PhoneBill2!"},
		"currentProductCode": products, "targetProductCode": products, "productCode": products, "previousProductCode": products, "operatorCode": {"KT", "LGU"},
		"inquiryMonth": {"", api.Month(0), api.Month(1), api.Month(5), strings.ReplaceAll(api.Month(2), "-", "")}, "billingMonth": {strings.ReplaceAll(api.Month(1), "-", "")},
		"startDate": {day(-30), day(0)}, "endDate": {day(0), day(1)}, "changeEffectiveDate": {"", day(0), day(1), day(60)}, "effectiveDate": {day(0), day(1)},
		"Prefer": {"respond-async", "wait=5", "respond-async, wait=1"}, "Idempotency-Key": {"key-1", "key-2", "key-3", "key-4"},
		"userName": {"홍길동", "Kim", "김\u1100\u1161"}, "query": {"", "loaduser", "0103"}, "code": {"BILL_INQUIRY", "PRODUCT_CHANGE"}, "customerId": {"POP0000001"},
		"page": {"1", "2"}, "size": {"1", "20", "100"}, "actor": {"admin01"}, "target": {"x"}, "action": {"SUSPEND"}, "before": {"1.019a0000-0000-7000-8000-000000000000"},
		"after": {"1-1"}, "since": {now.Format(time.RFC3339)}, "client": {"auth-service"}, "endpoint": {"auth", "bill-inquiry", "products"},
	}
}

// newFuzzCustomer returns a new customer.
func newFuzzCustomer(t *testing.T) fuzz.Caller {
	t.Helper()
	c := customer{elsewhere(t), knownOnly(t)}
	await(t, healTimeout, "a login beside the run", func() error {
		if answer := c.Login(c.UserID, c.Password); !answer.Succeeded() { // fails, for example, when hashing is overloaded
			return errAwaited(answer.String())
		}
		return nil
	})
	return fuzz.Caller{
		Name: c.UserID, Rules: append([]access.Rule{access.Authenticated, access.Public}, access.Permissions...),
		Person: person(t, c, true),
		Known:  map[string]string{"customerId": c.CustomerID, "refresh_token": c.Tokens.Refresh, "refreshToken": c.Tokens.Refresh},
	}
}

// world returns the callers of the public API for the nth case.
func (w *fuzzWorld) world(n int) fuzz.World {
	w.mu.Lock()
	defer w.mu.Unlock()
	return fuzz.World{Callers: append(slices.Clone(w.callers), stranger(n)), Values: w.values}
}

// inside returns the callers of services for the nth case.
func (w *fuzzWorld) inside(n int) fuzz.World {
	world, insider := w.world(n), w.insider
	insider.Owns = map[string]string{"line": insider.Owns["line"], "request": fmt.Sprintf("fuzz-%d", n)}
	world.Callers = append(world.Callers, insider)
	return world
}

// stranger returns an unregistered caller, with another user id in each case and with each seed.
func stranger(n int) fuzz.Caller {
	tag := fmt.Sprintf("%014x", rand.New(rand.NewPCG(*fuzzSeed, uint64(n))).Uint64N(1<<56))
	line := fmt.Sprintf("0108%07d", (*fuzzSeed*1_000_003+uint64(n))%10_000_000)
	return fuzz.Caller{
		Name: "stranger", Rules: []access.Rule{access.Public}, Known: map[string]string{"customerId": "F-" + tag},
		Person: abuse.Person{Owns: map[string]string{"user": "f-" + tag, "line": line}},
	}
}

// newInsider returns a caller with the credentials of a sidecar and a token of KOS.
func newInsider(t *testing.T) fuzz.Caller {
	t.Helper()
	owner := knownOnly(t)
	var credentials any
	if err := json.Unmarshal([]byte(whole.secrets["kos-api-credentials-auth"]), &credentials); err != nil {
		t.Fatal(err)
	}
	known, granted := map[string]string{"customerId": owner.CustomerID}, struct{ Data struct{ AccessToken string } }{}
	for name, value := range credentials.(map[string]any) {
		known[name] = value.(string)
	}
	answer := api.New(direct(kosMock, ""), connections).Send(api.Request{Method: http.MethodPost, Path: "/api/kos/auth", Body: credentials}).OK(t)
	if err := json.Unmarshal(answer, &granted); err != nil || granted.Data.AccessToken == "" {
		t.Fatalf("no token of KOS: %v", err)
	}
	return fuzz.Caller{
		Name: "insider", Rules: []access.Rule{access.Internal, access.Unrouted}, Known: known,
		Person:     abuse.Person{Token: granted.Data.AccessToken, Owns: map[string]string{"line": owner.Line}},
		Credential: []fuzz.Field{{Name: "dapr-api-token", Value: appToken(t)}},
	}
}

// appToken returns the token that sidecars send to the apps.
func appToken(t *testing.T) string {
	t.Helper()
	environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid(t, auth)))
	if err != nil {
		t.Fatal(err)
	}
	for variable := range bytes.SplitSeq(environ, []byte{0}) {
		if token, ok := bytes.CutPrefix(variable, []byte("APP_API_TOKEN=")); ok {
			return string(token)
		}
	}
	t.Fatal("the auth service has no app API token")
	return ""
}

// ending are operations that may invalidate a token.
var ending = map[string]bool{
	"POST /api/v1/auth/logout": true, "POST /api/v1/auth/change-password": true, "POST /api/v1/auth/refresh": true, "DELETE /api/v1/auth/sessions/{sessionId}": true,
}

// after marks callers whose token may have become unusable, and ids that are locked.
func (w *fuzzWorld) after(c fuzz.Case, r fuzz.Request, answer fuzz.Answer) {
	var refused api.Failure
	_ = json.Unmarshal(answer.Body, &refused)
	if code := refused.Error.Code; code == "AUTH_002" || code == "AUTH_003" {
		select {
		case w.locked <- struct{}{}:
		default:
		}
	}
	shown := slices.Contains(r.Header, fuzz.Field{Name: "Authorization", Value: "Bearer " + c.Caller.Token})
	changed := c.Operation.Name() == "POST /api/v1/auth/change-password" && answer.Status == http.StatusOK
	denied := refused.Error.Code == "PERMISSION_DENIED" && slices.Contains(c.Caller.Rules, c.Operation.Rule)
	doubtful := shown && answer.Status == http.StatusUnauthorized || answer.Status == http.StatusOK && ending[c.Operation.Name()]
	if changed || denied || doubtful {
		select {
		case w.suspects <- suspect{c.Caller.Token, changed || denied}:
		default: // the next answer decides
		}
	}
}

// tend replaces unusable customers and unlocks ids until done is closed.
func (w *fuzzWorld) tend(t *testing.T, done <-chan struct{}) {
	t.Helper()
	for {
		select {
		case <-done:
			return
		case <-w.locked:
			w.unlock(t)
		case s := <-w.suspects:
			w.replace(t, s)
		}
	}
}

func (w *fuzzWorld) replace(t *testing.T, s suspect) {
	t.Helper()
	place := slices.IndexFunc(w.callers[:fuzzCustomers], func(c fuzz.Caller) bool { return c.Token == s.token })
	if place < 0 || w.replaced >= maxReplaced || !s.sure && anonymous(t).With(s.token).Verify().Succeeded() {
		return
	}
	w.replaced++
	w.mu.Lock()
	w.callers[place] = w.spare
	w.mu.Unlock()
	w.spare = newFuzzCustomer(t)
}

// unlock unlocks the ids of all callers.
func (w *fuzzWorld) unlock(t *testing.T) {
	t.Helper()
	for _, c := range w.callers {
		if user := c.Owns["user"]; user != "" {
			w.admin.Send(api.Request{Method: http.MethodPost, Path: "/api/v1/auth/unlock/" + user}).OK(t)
		}
	}
}
