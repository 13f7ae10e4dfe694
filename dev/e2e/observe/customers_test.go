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

// visited is the number of visits so far.
var visited atomic.Int64

// startCustomers starts ten visits a second, until the test ends. In half of them another customer
// logs in and inquires a bill that KOS was not asked for before; the others stay logged in for a
// minute, also if they cannot log in again then.
func startCustomers(t *testing.T) {
	t.Helper()
	const workers, pace, stay = 10, time.Second, 60
	type customer struct {
		*api.Client

		line   string
		visits int
	}
	customers := make([]customer, workers)
	running := traffic.Start(workers, pace, func(worker int) traffic.Call {
		start := time.Now()
		n := int(visited.Add(1))
		is := &customers[worker]
		if is.visits++; worker%2 == 0 || is.visits%stay == 1 {
			user := 1 + n%users
			client := api.New(running.URL(), api.Timed(http.DefaultTransport))
			if client.Login(fmt.Sprintf("loaduser%07d", user), "PhoneBill1!").Succeeded() || is.Client == nil {
				is.Client, is.line = client, fmt.Sprintf("0103%07d", user)
			}
		}
		return visit(is.Client, is.line, api.Month(n/users%6), start)
	})
	t.Cleanup(func() { running.Stop() })
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
