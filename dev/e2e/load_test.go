package e2e

import (
	"strconv"
	"testing"
	"time"

	"github.com/phonebill/phonebill/dev/internal/api"
	"github.com/phonebill/phonebill/dev/internal/traffic"
)

// inquiries starts customers who inquire the current bill repeatedly.
func inquiries(customers []customer) *traffic.Traffic {
	return traffic.Start(len(customers), 20*time.Millisecond, func(worker int) traffic.Call {
		c := customers[worker]
		start := time.Now()
		answer := c.Inquire(c.Line, "")
		return newCall(start, answer, answer.Data.RequestID)
	})
}

// awaitSuccesses waits until the given number of calls that start from now have succeeded.
func awaitSuccesses(t testing.TB, load *traffic.Traffic, calls int) {
	t.Helper()
	since := time.Now()
	await(t, healTimeout, "traffic", func() error {
		if n := load.Succeeded(since); n < calls {
			return errAwaited(strconv.Itoa(n) + " inquiries succeeded of " + strconv.Itoa(calls))
		}
		return nil
	})
}

// logins starts a customer who opens sessions repeatedly.
func logins(t testing.TB, c customer) *traffic.Traffic {
	t.Helper()
	transport := checked(t)
	return traffic.Start(1, 20*time.Millisecond, func(int) traffic.Call {
		client := api.New(whole.url(), transport)
		start := time.Now()
		answer := client.Login(c.UserID, c.Password)
		return newCall(start, answer, answer.Data.Access)
	})
}

// newCall records a call and what it created.
func newCall[T any](start time.Time, answer api.Answer[T], made string) traffic.Call {
	call := traffic.Call{Start: start, Took: answer.Took, OK: answer.Succeeded(), Status: answer.Status, Made: made}
	if !call.OK {
		call.Reason = answer.String()
	}
	return call
}

// residentsWithBill returns residents whose current bill is cached.
func residentsWithBill(t testing.TB, size int) []customer {
	t.Helper()
	customers := make([]customer, size)
	for i := range customers {
		customers[i] = resident(t)
		customers[i].see(t, "")
	}
	return customers
}

// wantNoFailures checks that no call failed.
func wantNoFailures(t testing.TB, calls []traffic.Call) {
	t.Helper()
	failed := traffic.Failures(calls)
	if len(failed) > 0 {
		t.Errorf("%d of %d inquiries failed, the first: %s", len(failed), len(calls), failed[0].Reason)
	}
	t.Logf("%d inquiries, median %s", len(calls), traffic.Median(calls).Round(100*time.Microsecond))
}

// recorded waits until the customers' histories contain every inquiry.
func recorded(t testing.TB, customers []customer, ids []string) {
	t.Helper()
	await(t, healTimeout, "complete histories", func() error {
		known := map[string]bool{}
		for _, c := range customers {
			if err := readHistory(c, known); err != nil {
				return err
			}
		}
		missing := 0
		for _, id := range ids {
			if !known[id] {
				missing++
			}
		}
		if missing > 0 {
			return errAwaited(strconv.Itoa(missing) + " of " + strconv.Itoa(len(ids)) + " acknowledged inquiries are not in the history")
		}
		return nil
	})
}

// readHistory adds all inquiries of a customer to known.
func readHistory(c customer, known map[string]bool) error {
	for page := 1; ; page++ {
		answer := c.History("size=100&page=" + strconv.Itoa(page))
		if !answer.Succeeded() {
			return errAwaited(answer.String())
		}
		for _, item := range answer.Data.Items {
			known[item.RequestID] = true
		}
		if !answer.Data.Pagination.HasNext {
			return nil
		}
	}
}

// acknowledged returns what calls have created: ids of inquiries, or tokens.
func acknowledged(calls []traffic.Call) []string {
	var made []string
	for _, call := range calls {
		if call.OK {
			made = append(made, call.Made)
		}
	}
	return made
}

// wantLiveSessions checks that every opened session is live.
func wantLiveSessions(t testing.TB, calls []traffic.Call) {
	t.Helper()
	c, sessions := anonymous(t), acknowledged(calls)
	if len(sessions) == 0 {
		t.Error("no login succeeded")
	}
	for _, accessToken := range sessions {
		c.With(accessToken).Verify().OK(t)
	}
	t.Logf("%d of %d logins succeeded, and their sessions are live", len(sessions), len(calls))
}
