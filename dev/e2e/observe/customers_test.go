package observe

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/phonebill/phonebill/dev/internal/api"
	"github.com/phonebill/phonebill/dev/internal/traffic"
)

// users are seeded, beside the demo users.
const users = 300

// visited is the number of visits so far. Each begins with a bill that KOS was not asked for before.
var visited atomic.Int64

// startCustomers starts ten visits a second, until the test ends.
func startCustomers(t *testing.T) {
	t.Helper()
	const workers, pace = 10, time.Second
	clients := make([]*api.Client, workers)
	customers := traffic.Start(workers, pace, func(worker int) traffic.Call {
		start := time.Now()
		n := int(visited.Add(1))
		user := 1 + n%users
		if clients[worker] == nil || n%3 > 0 { // the others stay logged in
			clients[worker] = api.New(running.URL(), api.Timed(http.DefaultTransport))
			clients[worker].Login(fmt.Sprintf("loaduser%07d", user), "PhoneBill1!")
		}
		return visit(clients[worker], fmt.Sprintf("0103%07d", user), api.Month(n/users%6), start)
	})
	t.Cleanup(func() { customers.Stop() })
}

// visit inquires a bill, looks at the plan, and changes it to itself, which is refused, or to another.
func visit(customer *api.Client, line, month string, start time.Time) traffic.Call {
	customer.Menu()
	answer := customer.Inquire(line, month)
	if plan := customer.Subscription(line).Data.Current.Code; plan != "" {
		customer.Change(api.ChangeForm{Line: line, Current: plan, Target: "5G-STANDARD-001"}, api.How{})
	}
	return traffic.Call{Start: start, Took: time.Since(start), OK: answer.Succeeded(), Status: answer.Status}
}
