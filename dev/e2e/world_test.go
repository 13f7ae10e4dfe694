package e2e

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/phonebill/phonebill/dev/internal/api"
	"github.com/phonebill/phonebill/dev/internal/kos"
	"github.com/phonebill/phonebill/dev/internal/proc"
	"github.com/phonebill/phonebill/dev/openapitest"
)

const password = "PhoneBill1!" // of the demo, seeded and registered users

// connections are shared by all clients.
var connections = api.Timed(&http.Transport{MaxIdleConnsPerHost: 200})

// documents are loaded by the first test that needs them.
var documents struct {
	once      sync.Once
	validator *openapitest.Validator
}

// checked is a transport that fails the test for an answer that deviates from its OpenAPI document.
func checked(t testing.TB) http.RoundTripper {
	t.Helper()
	return validated(t, connections)
}

// validated is checked on another transport.
func validated(t testing.TB, base http.RoundTripper) http.RoundTripper {
	t.Helper()
	documents.once.Do(func() { documents.validator = openapitest.Load(t, slices.Collect(maps.Values(whole.docs))...) })
	return documents.validator.For(t).Transport(base)
}

// anonymous returns a client that has not logged in.
func anonymous(t testing.TB) *api.Client {
	t.Helper()
	return api.New(whole.url(), checked(t))
}

// addresses counts the source addresses in use.
var addresses atomic.Uint32

// elsewhere returns an anonymous client with its own source address, because failures are throttled
// by address.
func elsewhere(t testing.TB) *api.Client {
	t.Helper()
	return api.New(whole.url(), validated(t, elsewhereTransport(t)))
}

// elsewhereTransport is the transport of elsewhere without validation, which would distort
// measurements.
func elsewhereTransport(t testing.TB) http.RoundTripper {
	t.Helper()
	n := addresses.Add(1)
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 1, byte(n>>8), byte(n))}}
	base := &http.Transport{DialContext: dialer.DialContext, MaxIdleConnsPerHost: 200}
	t.Cleanup(base.CloseIdleConnections)
	return api.Timed(base)
}

// customer is a logged-in user with a line.
type customer struct {
	*api.Client
	api.Registration
}

// newcomer returns a newly registered, logged-in user with an unused line. KOS does not know the
// line.
func newcomer(t testing.TB) customer {
	t.Helper()
	c := customer{anonymous(t), newcomerForm()}
	c.Register(c.Registration).OK(t)
	c.Login(c.UserID, c.Password).OK(t)
	return c
}

// newcomerForm returns an unused registration.
func newcomerForm() api.Registration {
	tag := fmt.Sprintf("%012x", rand.Uint64N(1<<48))
	form := api.Registration{
		UserID: "e2e-" + tag, CustomerID: "E2E-" + tag, Name: "이용자" + tag, Password: password,
		// Disjoint from the lines of demo users and of KOS's generated population.
		Line: fmt.Sprintf("0107%07d", rand.IntN(10_000_000)),
	}
	names.add(form.Name)
	return form
}

// knownOnly returns an unused seeded user, not logged in.
func knownOnly(t testing.TB) api.Registration {
	t.Helper()
	n := seeded.Add(1)
	if n > int64(lastSeeded()) {
		t.Fatalf("the seeded users up to %d are used up", lastSeeded())
	}
	form := api.Registration{
		UserID: fmt.Sprintf("loaduser%07d", n), CustomerID: fmt.Sprintf("POP%07d", n),
		Name: fmt.Sprintf("부하시험%07d", n), Line: fmt.Sprintf("0103%07d", n), Password: password,
	}
	names.add(form.Name)
	return form
}

// subscriber returns a newcomer whose line has a plan and six months of bills.
func subscriber(t testing.TB) customer {
	t.Helper()
	c := newcomer(t)
	c.MakeMockData(c.CustomerID, c.Line).OK(t)
	return c
}

var seeded atomic.Int64

// resident returns an unused seeded user, logged in. Their lines have bills for every month, and
// they are cheap: only the login hashes a password.
func resident(t testing.TB) customer {
	t.Helper()
	c := customer{anonymous(t), knownOnly(t)}
	c.Login(c.UserID, c.Password).OK(t)
	return c
}

// demo returns a client logged in as a demo user.
func demo(t testing.TB, userID string) *api.Client {
	t.Helper()
	c := anonymous(t)
	c.Login(userID, password).OK(t)
	return c
}

// see inquires a bill and remembers the customer's name, which must not appear in a log.
func (c customer) see(t testing.TB, month string) api.Inquiry {
	t.Helper()
	inquiry := c.Inquire(c.Line, month).OK(t)
	names.add(inquiry.CustomerInfo.Name)
	return inquiry
}

// names are the names of all customers seen by tests.
var names nameList

type nameList struct {
	mu   sync.Mutex
	list []string
}

func (l *nameList) add(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, name)
}

func (l *nameList) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.list...)
}

// billCalls returns how many bill inquiries about a line have reached KOS.
func billCalls(t testing.TB, line string) int {
	t.Helper()
	return count(t, kos.Query{Endpoint: kos.BillInquiry, Line: line}).Total
}

func count(t testing.TB, query kos.Query) kos.Count {
	t.Helper()
	calls, err := kos.New(direct(kosMock, ""), checked(t)).Calls(query)
	if err != nil {
		t.Fatal(err)
	}
	return calls
}

// await waits until done returns nil, and fails the test with its last error after a timeout.
func await(t testing.TB, within time.Duration, what string, done func() error) {
	t.Helper()
	awaitEvery(t, 50*time.Millisecond, within, what, done)
}

// awaitEvery is await with another polling interval.
func awaitEvery(t testing.TB, interval, within time.Duration, what string, done func() error) {
	t.Helper()
	// Not the test's context, which has ended during cleanup.
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	if err := proc.Retry(ctx, interval, done); err != nil {
		t.Fatalf("%s: not within %s: %v", what, within, err)
	}
}
