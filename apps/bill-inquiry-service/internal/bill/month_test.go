package bill_test

import (
	"errors"
	"regexp"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
)

func TestParseMonth(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bill.Month{
		"2026-11": "2026-11", "202611": "2026-11", "2026-01": "2026-01",
		"2026-13": "", "2026-00": "", "202613": "", "2026/11": "", "26-11": "", "": "", "2026-1": "",
		"2026-11-01": "", "2026-11\n": "", "２０２６11": "",
	} {
		t.Run(text, func(t *testing.T) {
			got, err := bill.ParseMonth(text)
			if got != want || (want == "") != errors.Is(err, bill.ErrMonthFormat) {
				t.Errorf("ParseMonth(%q) = %q, %v; want %q", text, got, err, want)
			}
		})
	}
}

func FuzzParseMonth(f *testing.F) {
	for _, seed := range []string{"2026-11", "202611", "2026-1", "99999-12"} {
		f.Add(seed)
	}
	forms := regexp.MustCompile(`^[0-9]{4}-?(0[1-9]|1[0-2])$`)
	f.Fuzz(func(t *testing.T, text string) {
		month, err := bill.ParseMonth(text)
		if (err == nil) != forms.MatchString(text) {
			t.Errorf("ParseMonth(%q) = %q, %v", text, month, err)
		}
		if err != nil {
			return
		}
		if again, err := bill.ParseMonth(month.Compact()); err != nil || again != month {
			t.Errorf("%q became %q, whose compact form became %q, %v", text, month, again, err)
		}
	})
}

func TestMonthOfIsSeouls(t *testing.T) {
	t.Parallel()
	lastMinute := time.Date(2026, 10, 31, 14, 59, 59, 0, time.UTC)
	if got := bill.MonthOf(lastMinute); got != "2026-10" {
		t.Errorf("a second before midnight in Seoul is %s", got)
	}
	if got := bill.MonthOf(lastMinute.Add(time.Second)); got != "2026-11" {
		t.Errorf("midnight in Seoul is %s", got)
	}
}

func TestWindow(t *testing.T) {
	t.Parallel()
	window := bill.Window{Months: 6}
	// The last day of a long month: month arithmetic must not skip February.
	now := time.Date(2026, 3, 31, 12, 0, 0, 0, bill.Seoul)
	all := []bill.Month{"2026-03", "2026-02", "2026-01", "2025-12", "2025-11", "2025-10"}
	tests := map[string]struct {
		contract bill.Month
		want     []bill.Month
	}{
		"contract not known": {"", all},
		"old contract":       {"2019-05", all},
		"new contract":       {"2026-02", all[:2]},
		"contract to come":   {"2026-04", nil},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, window.Available(now, tc.contract)); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		})
	}
	for month, want := range map[bill.Month]error{
		"2026-03": nil, "2025-10": nil, "2026-04": bill.ErrMonthFuture, "2025-09": bill.ErrMonthTooOld,
	} {
		if err := window.Check(month, now); !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Errorf("Check(%s) = %v, want %v", month, err, want)
		}
	}
}
