package componenttest

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// logged is an order in the admin API.
type logged struct {
	RequestID, Client, LineNumber, CurrentProductCode, TargetProductCode, ResultCode, Status, CreatedAt string

	RequestedDate, OrderNumber, EffectiveDate, AppliedAt *string

	Applied bool
}

// orders returns the order log, read page by page with the given query.
func (s *service) orders(query string) []logged {
	s.t.Helper()
	var all []logged
	for next := query; ; {
		var page struct {
			Orders []logged
			Next   *string
		}
		got := s.do(http.MethodGet, "/admin/orders?"+next, "", "")
		if err := json.Unmarshal(got.body, &page); err != nil || got.status != http.StatusOK {
			s.t.Fatalf("orders: %d %s", got.status, got.body)
		}
		all = append(all, page.Orders...)
		if page.Next == nil {
			return all
		}
		next = "after=" + *page.Next + "&" + query
	}
}

func TestListsOrdersForAudits(t *testing.T) {
	t.Parallel()
	kos := newWorld(t).start()
	mine, other := kos.token("product-change-service"), kos.token("bill-inquiry-service")
	kos.change(mine, newOrder("r-1", "5G-PREMIUM-001"))
	kos.change(mine, newOrder("r-1", "5G-PREMIUM-001"))
	kos.clock.advance(time.Second)
	refused := newOrder("r-2", "LTE-PREMIUM-001")
	refused.EffectiveDate = "2026-01-20"
	kos.change(other, refused)
	number, date, at := "20260117-000001", "2026-01-17", "2026-01-17T09:00:00Z"
	requested := "2026-01-20"
	want := []logged{
		{
			RequestID: "r-1", Client: "product-change-service", LineNumber: basic,
			CurrentProductCode: "LTE-BASIC-001", TargetProductCode: "5G-PREMIUM-001",
			ResultCode: "0000", Status: "APPLIED", Applied: true, OrderNumber: &number,
			EffectiveDate: &date, CreatedAt: at, AppliedAt: &at,
		},
		{
			RequestID: "r-2", Client: "bill-inquiry-service", LineNumber: basic,
			CurrentProductCode: "LTE-BASIC-001", TargetProductCode: "LTE-PREMIUM-001", RequestedDate: &requested,
			ResultCode: "2006", Status: "REFUSED", CreatedAt: "2026-01-17T09:00:01Z",
		},
	}
	for query, want := range map[string][]logged{
		"": want, "size=1": want, "size=2": want, "since=2026-01-17T09:00:01Z": want[1:],
		"client=product-change-service": want[:1], "client=auth-service": nil,
	} {
		if diff := cmp.Diff(want, kos.orders(query)); diff != "" {
			t.Errorf("%q: %s", query, diff)
		}
	}
	for _, query := range []string{
		"since=today", "after=1", "after=x-1", "after=1-x", "after=99999999999999999-1", "size=0", "size=1001", "size=all",
	} {
		if got := kos.do(http.MethodGet, "/admin/orders?"+query, "", ""); got.status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", query, got.status, got.body)
		}
	}
}
