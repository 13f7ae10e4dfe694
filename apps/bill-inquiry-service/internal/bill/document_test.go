package bill_test

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
)

// firstSchema is a final bill of the first schema, as a release of that time wrote it.
//
//go:embed testdata/first_schema.json
var firstSchema string

func read(t *testing.T, text string) bill.Bill {
	t.Helper()
	var b bill.Bill
	if err := json.Unmarshal([]byte(text), &b); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBillOfTheFirstSchemaIsConverted(t *testing.T) {
	t.Parallel()
	whole := bill.Charge{Name: "5G 프리미엄", From: "20261001", To: "20261031", Amount: 89_000}
	part := whole
	part.From = "20261010"
	tests := map[string]struct {
		replace []string
		period  bill.Charge
	}{
		"as it was":                  {nil, whole},
		"total with an instalment":   {[]string{`"total":67750`, `"total":100750`}, whole},
		"the contract's first month": {[]string{"2025-03-02", "2026-10-10"}, part},
		"contract unknown":           {[]string{"2025-03-02", ""}, whole},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := read(t, strings.NewReplacer(tc.replace...).Replace(firstSchema))
			if !got.Outdated || got.Definitive() || !got.Final {
				t.Errorf("outdated %v, definitive %v, final %v", got.Outdated, got.Definitive(), got.Final)
			}
			if got.Charges.Total != 67_750 || got.TotalAmount() != 100_750 {
				t.Errorf("sums are %d and %d", got.Charges.Total, got.TotalAmount())
			}
			if diff := cmp.Diff([]bill.Charge{tc.period}, got.Charges.Periods); diff != "" {
				t.Error(diff)
			}
			if err := got.CheckAmounts(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestPartsOfTheFirstSchemaThatDoNotAddUpAreFound(t *testing.T) {
	t.Parallel()
	for _, wrong := range [][]string{
		{`"discount":22250`, `"discount":22251`}, {`"monthly":89000`, `"monthly":-89000`}, {`"usage":1000`, `"usage":-1`},
		{`"deviceInstallment":33000`, `"deviceInstallment":-33000`}, {`"monthly":89000`, `"monthly":9223372036854775807`},
	} {
		b := read(t, strings.NewReplacer(wrong...).Replace(firstSchema))
		if b.CheckAmounts() == nil {
			t.Errorf("%s adds up", wrong[1])
		}
	}
}

// older is a bill as a release of the first schema reads it.
type older struct {
	Final   bool `json:"final"`
	Charges struct {
		Monthly   int64           `json:"monthly"`
		Usage     int64           `json:"usage"`
		Discount  int64           `json:"discount"`
		Total     int64           `json:"total"`
		Discounts []bill.Discount `json:"discounts"`
	} `json:"charges"`
	DeviceInstallment int64 `json:"deviceInstallment"`
}

// TestOlderSoftwareReadsTheCurrentSchema shows that replicas of the first schema show
// the right amounts during an upgrade.
func TestOlderSoftwareReadsTheCurrentSchema(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b := drawn(t)
		text, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		var got older
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		c := got.Charges
		if got.Final != b.Final || c.Total != c.Monthly+c.Usage-c.Discount || c.Total != b.Charges.Total ||
			got.DeviceInstallment != b.DeviceInstallment || len(c.Discounts) != len(b.Charges.Discounts) {
			t.Fatalf("%s is read as %+v", text, got)
		}
	})
}

// drawn returns a random bill that adds up.
func drawn(t *rapid.T) bill.Bill {
	amount := rapid.Int64Range(0, 1_000_000)
	month := time.Date(2026, time.Month(rapid.IntRange(1, 12).Draw(t, "month")), 1, 0, 0, 0, 0, time.UTC)
	last := month.AddDate(0, 1, -1).Day()
	b := bill.Bill{
		Line: line, Month: bill.Month(month.Format("2006-01")), Final: rapid.Bool().Draw(t, "final"), AsOf: noon.UTC(),
		ProductCode: "5G-PREMIUM-001", ProductName: "5G 프리미엄", DeviceInstallment: amount.Draw(t, "instalment"),
	}
	first := rapid.IntRange(1, last).Draw(t, "contract's first day")
	b.Customer.ContractSince = month.AddDate(0, 0, first-1).Format(time.DateOnly)
	c := &b.Charges
	for day := first; day <= last; {
		to := rapid.IntRange(day, last).Draw(t, "last day")
		period := bill.Charge{
			Name: "요금제", From: fmt.Sprintf("%s%02d", b.Month.Compact(), day), To: fmt.Sprintf("%s%02d", b.Month.Compact(), to),
			Amount: amount.Draw(t, "charge"),
		}
		c.Periods, c.Monthly, day = append(c.Periods, period), c.Monthly+period.Amount, to+1
	}
	for left := c.Monthly; rapid.Bool().Draw(t, "one more discount") && len(c.Discounts) < 10; {
		discount := bill.Discount{Name: "할인", Amount: rapid.Int64Range(0, left).Draw(t, "discount")}
		c.Discounts, c.Discount, left = append(c.Discounts, discount), c.Discount+discount.Amount, left-discount.Amount
	}
	c.Usage = amount.Draw(t, "usage")
	c.Total = c.Monthly + c.Usage - c.Discount
	return b
}

func TestStoredBillRoundTrips(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b := drawn(t)
		text, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		var got bill.Bill
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(b, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

// faults change a bill so that it does not add up.
var faults = map[string]func(b *bill.Bill, by int64){
	"monthly fee": func(b *bill.Bill, by int64) { b.Charges.Monthly += by },
	"usage fee":   func(b *bill.Bill, by int64) { b.Charges.Usage += by },
	"discount":    func(b *bill.Bill, by int64) { b.Charges.Discount += by },
	"total":       func(b *bill.Bill, by int64) { b.Charges.Total += by },
	"a charge":    func(b *bill.Bill, by int64) { b.Charges.Periods[0].Amount += by },
	"one discount": func(b *bill.Bill, by int64) {
		b.Charges.Discounts = append(b.Charges.Discounts, bill.Discount{Amount: by})
	},
	"negative":      func(b *bill.Bill, _ int64) { b.DeviceInstallment = -1 },
	"leaving":       func(b *bill.Bill, _ int64) { b.TerminationFee = -1 },
	"beyond reason": func(b *bill.Bill, _ int64) { b.DeviceInstallment = 1 << 62 },
	"no charge": func(b *bill.Bill, _ int64) {
		b.Charges.Periods, b.Charges.Total, b.Charges.Monthly = nil, b.Charges.Total-b.Charges.Monthly, 0
	},
	"a day too few": func(b *bill.Bill, _ int64) { b.Charges.Periods = b.Charges.Periods[:len(b.Charges.Periods)-1] },
	"a day twice":   func(b *bill.Bill, _ int64) { b.Charges.Periods = append(b.Charges.Periods, b.Charges.Periods[0]) },
	"another month": func(b *bill.Bill, _ int64) { b.Month = "2027-01" },
	"no day":        func(b *bill.Bill, _ int64) { b.Charges.Periods[0].From = "20260230" },
	"reversed":      func(b *bill.Bill, _ int64) { b.Charges.Periods[0].To = "20250101" },
	"overflow": func(b *bill.Bill, _ int64) {
		b.Charges.Discounts = append(b.Charges.Discounts, bill.Discount{Amount: 1 << 62}, bill.Discount{Amount: 1 << 62},
			bill.Discount{Amount: 1 << 62}, bill.Discount{Amount: 1 << 62}) // together 0
	},
	"too many parts": func(b *bill.Bill, _ int64) {
		b.Charges.Discounts = append(b.Charges.Discounts, make([]bill.Discount, 200)...)
	},
}

func TestBillThatDoesNotAddUpIsFound(t *testing.T) {
	t.Parallel()
	for name, spoil := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				b := drawn(t)
				if err := b.CheckAmounts(); err != nil {
					t.Fatal(err)
				}
				spoil(&b, rapid.Int64Range(1, 1_000_000).Draw(t, "by"))
				if b.CheckAmounts() == nil {
					t.Fatalf("adds up: %+v", b)
				}
			})
		})
	}
}
