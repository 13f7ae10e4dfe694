package postgres_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/postgres"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/sealtest"
)

func TestActiveLinesWithoutAFreshBill(t *testing.T) {
	t.Parallel()
	f := newFetches(t, sealtest.Keyring(t))
	pool := f.pool
	archive, now := postgres.NewArchive(pool, sealtest.Keyring(t)), time.Now()
	lines := []msisdn.Number{"01000000001", "01000000002", "01000000003"} // one is stale, one fresh, one waits
	for i, own := range lines {
		r := f.enqueue(own, holder.ID)
		if i == 2 {
			continue
		}
		exec(t, pool, "DELETE FROM kos_queue WHERE ordering_key = $1", own.Digits())
		exec(t, pool, "UPDATE inquiry_request SET status = 'COMPLETED' WHERE request_id = $1", r.RequestID)
		if err := archive.Store(t.Context(), bill.Bill{Line: own, Customer: holder, Month: "2026-11", AsOf: now.Add(time.Duration(i-1) * time.Hour)}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := postgres.NewActivity(pool).Active(t.Context(), now.Add(-time.Hour), now.Add(-time.Minute), "2026-11", 10)
	if err != nil || !cmp.Equal(got, []bill.Subscription{{Customer: holder.ID, Line: lines[0]}}) {
		t.Errorf("got %v, %v", got, err)
	}
}
