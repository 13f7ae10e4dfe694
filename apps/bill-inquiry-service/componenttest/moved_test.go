package componenttest

import (
	"bytes"
	"context"
	"net/http"
	"testing"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/internal/daprtest"
	"github.com/phonebill/phonebill/apps/internal/expect"
	"github.com/phonebill/phonebill/apps/internal/pgtest"
)

// TestMovedLineShowsNothingOfItsNewCustomer moves a line to another customer at KOS. No
// inquiry of the former customer may show or store anything of the new one.
func TestMovedLineShowsNothingOfItsNewCustomer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, daprtest.RedisState)
	c := w.login(line)
	now, last, before := monthsAgo(0), monthsAgo(1), monthsAgo(2)
	for _, month := range []bill.Month{now, last} {
		if got := c.inquire(line, string(month)); got.status != http.StatusOK {
			t.Fatalf("before: %+v", got)
		}
	}
	const strangerID, strangerName = "CUSTNEW900", "나새로온"
	w.kos.Move(line, strangerID, strangerName)

	refused := func(what string, got answer) {
		t.Helper()
		if got.status != http.StatusForbidden || got.code != "LINE_MOVED" {
			t.Errorf("%s: %+v", what, got)
		}
	}
	refused("a month without a copy", c.inquire(line, string(before))) // calls KOS, and invalidates the open months
	refused("this month", c.inquire(line, string(now)))
	refused("menu", c.do(http.MethodGet, "/api/v1/bills/menu", ""))
	got := c.inquire(line, string(last))
	if info, _ := got.data["customerInfo"].(map[string]any); got.status != http.StatusOK || info["customerId"] != "CUST001" {
		t.Errorf("a final bill of before: %+v", got)
	}
	expect.Eventually(t, "each refusal is on record", func() bool {
		var denied int
		err := w.db.Pool.QueryRow(context.Background(),
			"SELECT count(*) FROM audit_event WHERE detail = 'LINE_MOVED' AND target = '010-****-5678'").Scan(&denied)
		return err == nil && denied == 3
	})
	content := pgtest.Content(t, w.db.Pool)
	for _, text := range []string{strangerID, strangerName} {
		if bytes.Contains(content, []byte(text)) {
			t.Errorf("the database contains %s in clear", text)
		}
	}
}
