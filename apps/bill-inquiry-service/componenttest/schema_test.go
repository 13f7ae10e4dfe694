package componenttest

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/internal/daprtest"
	"github.com/phonebill/phonebill/apps/internal/expect"
)

// TestBillOfTheFirstSchema puts last month's bill into the archive in the first schema,
// and inquires about it during an outage of KOS and afterwards.
func TestBillOfTheFirstSchema(t *testing.T) {
	t.Parallel()
	w := newWorld(t, daprtest.RedisState)
	const own = "01012345678"
	month := bill.MonthOf(time.Now().In(bill.Seoul).AddDate(0, 0, -31))
	fixture, err := os.ReadFile("../internal/bill/testdata/first_schema.json")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("2026-10", string(month), "2026-11-22T12:00:00+09:00", "2026-01-22T12:00:00+09:00").Replace(string(fixture))
	sealed, err := w.keys.Keyring().SealJSON(t.Context(), json.RawMessage(text), "bill_archive "+own+" "+string(month))
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.db.Pool.Exec(t.Context(),
		"INSERT INTO bill_archive (line_number, billing_month, final, as_of, sealed) VALUES ($1, $2, true, '2026-01-22T12:00:00+09:00', $3)",
		own, string(month), sealed)
	if err != nil {
		t.Fatal(err)
	}
	c := w.login(own)
	w.kos.Behave("bill-inquiry", map[string]any{"outageSeconds": 600})
	got := c.inquire(own, string(month))
	if info := infoOf(got); got.status != http.StatusOK || got.data["stale"] != true || info["totalFee"] != 67_750.0 || info["totalAmount"] != 100_750.0 {
		t.Errorf("while KOS is out: %+v", got)
	}
	w.kos.Behave("bill-inquiry", map[string]any{})
	expect.Eventually(t, "KOS's own answer", func() bool {
		got = c.inquire(own, string(month))
		return got.data["stale"] == false
	})
	if info := infoOf(got); got.status != http.StatusOK || info["terminationFee"] == 100_000.0 {
		t.Errorf("KOS's bill is not there: %+v", got)
	}
	calls := w.kos.Calls("bill-inquiry")
	w.kos.Behave("bill-inquiry", map[string]any{"outageSeconds": 600})
	w.stop()
	w.start() // with an empty L1
	if got := c.inquire(own, string(month)); got.status != http.StatusOK || got.data["stale"] != false || w.kos.Calls("bill-inquiry") != calls {
		t.Errorf("afterwards: %+v, %d calls", got, w.kos.Calls("bill-inquiry")-calls)
	}
}

func infoOf(a answer) map[string]any {
	info, _ := a.data["billInfo"].(map[string]any)
	return info
}
