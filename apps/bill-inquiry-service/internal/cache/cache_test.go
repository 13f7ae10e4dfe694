package cache_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/cache"
	shared "github.com/phonebill/phonebill/apps/internal/cache"
	"github.com/phonebill/phonebill/apps/internal/seal"
	"github.com/phonebill/phonebill/apps/internal/sealtest"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
)

const line = "01012345678"

var own = bill.Subscription{Customer: "CUST001", Line: line}

// store is an in-memory L2. The ETag is the value itself.
type store struct {
	mu     sync.Mutex
	values map[string][]byte
}

func (s *store) Get(_ context.Context, key string) (value []byte, etag string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	value, ok := s.values[key]
	if !ok {
		return nil, "", sidecar.ErrNotFound
	}
	return value, string(value), nil
}

func (s *store) SetIf(_ context.Context, key string, value []byte, etag string, _ time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if string(s.values[key]) != etag {
		return sidecar.ErrConflict
	}
	s.values[key] = value
	return nil
}

// verbatim is a value of L2 with an unparsed bill.
type verbatim struct {
	Value json.RawMessage `json:"value"`
}

type world struct {
	l2      *store
	keyring *seal.Keyring
}

func (w world) replica() *cache.Cache {
	return cache.New(w.l2, w.keyring, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
}

// put puts text into L2 as the bill of the line and month, under the key that releases
// of the first schema used.
func (w world) put(t *testing.T, text []byte, month bill.Month) {
	t.Helper()
	older := shared.New[verbatim](shared.Options{Kind: "bill", TTL: time.Hour, LoadTimeout: time.Second, Sealer: w.keyring},
		w.l2, slog.New(slog.DiscardHandler), shared.NewMetrics(prometheus.NewRegistry()))
	_, level, err := older.Get(t.Context(), "told "+line+" "+string(month), func(context.Context) (verbatim, error) {
		return verbatim{text}, nil
	})
	if err != nil || level != shared.FromSource {
		t.Fatal(level, err)
	}
}

func TestSharedBillOfTheFirstSchemaIsNotShown(t *testing.T) {
	t.Parallel()
	w := world{&store{values: map[string][]byte{}}, sealtest.Keyring(t)}
	text, err := os.ReadFile("../bill/testdata/first_schema.json")
	if err != nil {
		t.Fatal(err)
	}
	w.put(t, text, "2026-10")
	if w.replica().Has(t.Context(), own, "2026-10") {
		t.Error("the cache has it")
	}
	fresh := bill.Bill{Line: line, Month: "2026-10", ProductName: "KOS's"}
	calls := 0
	for range 2 {
		got, err := w.replica().Bill(t.Context(), own, "2026-10", func(context.Context) (bill.Bill, error) {
			calls++
			return fresh, nil
		})
		if err != nil || got.ProductName != fresh.ProductName {
			t.Errorf("got %+v, %v", got, err)
		}
	}
	if calls != 1 {
		t.Errorf("loaded %d times", calls)
	}
}

func TestBillIsTheSameOnEveryLevel(t *testing.T) {
	t.Parallel()
	w := world{&store{values: map[string][]byte{}}, sealtest.Keyring(t)}
	want := bill.Bill{
		Line: line, Month: "2026-10", Final: true, AsOf: time.Date(2026, 11, 1, 3, 0, 0, 0, time.UTC), DeviceInstallment: 33_000,
		Charges: bill.Charges{
			Monthly: 89_000, Usage: 1_000, Discount: 22_250, Total: 67_750,
			Periods: []bill.Charge{
				{Name: "LTE 베이직", From: "20261001", To: "20261010", Amount: 29_670},
				{Name: "5G 프리미엄", From: "20261011", To: "20261031", Amount: 59_330},
			},
			Discounts: []bill.Discount{{Name: "선택약정 할인", Amount: 22_250}},
		},
	}
	first, second := w.replica(), w.replica()
	for level, replica := range map[string]*cache.Cache{"source": first, "shared": second} {
		for _, again := range []string{"", ", again"} {
			got, err := replica.Bill(t.Context(), own, "2026-10", func(context.Context) (bill.Bill, error) { return want, nil })
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("%s%s: %v, %s", level, again, err, diff)
			}
		}
	}
}
