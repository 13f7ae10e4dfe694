package componenttest

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/postgres"
	"github.com/phonebill/phonebill/apps/internal/daprtest"
	"github.com/phonebill/phonebill/apps/internal/kos/kostest"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// TestABillIsTheSameOnEveryLevel reads a bill with charges of two plans from KOS, from
// the cache of the process and from the shared cache. The answers differ in nothing, and
// the archive has the very charges.
func TestABillIsTheSameOnEveryLevel(t *testing.T) {
	t.Parallel()
	w := newWorld(t, daprtest.MemoryState)
	w.kos.Order(line, "5G-PREMIUM-001", "5G-STANDARD-001")
	c := w.login(line)
	read := func(level string, prepare func(), calls int) string {
		t.Helper()
		prepare()
		got := c.inquire(line, "")
		if got.status != http.StatusOK || got.data["stale"] != false {
			t.Fatalf("%s: %+v", level, got)
		}
		w.expectCalls(calls, level)
		delete(got.data, "requestId") // each inquiry has its own
		text, err := json.MarshalIndent(got.data, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	want := read("KOS", func() {}, 1)
	var answer struct {
		BillInfo struct {
			Charges []struct {
				Name, From, To string
				Amount         int64
			}
		}
	}
	if err := json.Unmarshal([]byte(want), &answer); err != nil || len(answer.BillInfo.Charges) == 0 {
		t.Fatalf("charges %+v, %v", answer.BillInfo.Charges, err)
	}
	for level, prepare := range map[string]func(){
		"process":      func() {},
		"shared cache": func() { w.stop(); w.start() },
	} {
		if diff := cmp.Diff(want, read(level, prepare, 1)); diff != "" {
			t.Errorf("%s (-KOS +%s):\n%s", level, level, diff)
		}
	}
	kept, err := postgres.NewArchive(w.db.Pool, w.keys.Keyring()).Find(t.Context(),
		bill.Subscription{Customer: kostest.CustomerOf(line), Line: msisdn.Number(line)}, bill.MonthOf(time.Now()))
	if err != nil || len(kept.Charges.Periods) != len(answer.BillInfo.Charges) {
		t.Fatalf("the archive has %+v, %v", kept.Charges, err)
	}
	for i, charge := range kept.Charges.Periods {
		if shown := answer.BillInfo.Charges[i]; shown.Name != charge.Name || shown.From != charge.From || shown.To != charge.To || shown.Amount != charge.Amount {
			t.Errorf("charge %d: archived %+v, shown %+v", i, charge, shown)
		}
	}
}
