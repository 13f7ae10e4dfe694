package pages

import (
	"testing"

	"github.com/phonebill/phonebill/apps/web-portal/internal/upstream"
)

func TestUsageIsComparedWithTheAllowance(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		used, allowed string
		percent       int
		limited       bool
	}{
		{"12.3GB", "20GB", 61, true},
		{"512MB", "1GB", 50, true},
		{"1,024 MB", "1TB", 0, true},
		{"0.0GB", "5GB", 0, true},
		{"19.99GB", "20GB", 99, true},
		{"22.4GB", "20GB", 112, true},
		{"124분", "500분", 24, true},
		{"35건", "100건", 35, true},
		{"12.3GB", "무제한", 0, false},
		{"35건", "기본 제공", 0, false},
		{"35건", "", 0, false},
		{"35건", "100분", 0, false},
		{"35건", "0건", 0, false},
		{"많음", "100건", 0, false},
		{"1..2GB", "20GB", 0, false},
	} {
		u := newUsage("data", test.used, test.allowed)
		if u.Percent != test.percent || u.Limited != test.limited || u.Shown() > 100 {
			t.Errorf("%s of %s: %+v", test.used, test.allowed, u)
		}
	}
}

func TestLevelsOfUsage(t *testing.T) {
	t.Parallel()
	for used, want := range map[string][2]bool{"79건": {false, false}, "80건": {true, false}, "99건": {true, false}, "100건": {false, true}, "130건": {false, true}} {
		if u := newUsage("messages", used, "100건"); u.Scarce() != want[0] || u.Spent() != want[1] {
			t.Errorf("%s: scarce %t, spent %t", used, u.Scarce(), u.Spent())
		}
	}
}

// TestAllowanceOfAnotherPlanIsNotShown compares only if the bill is of the plan that the line has.
func TestAllowanceOfAnotherPlanIsNotShown(t *testing.T) {
	t.Parallel()
	home := Home{
		Bill:       Part[upstream.Inquiry]{Value: upstream.Inquiry{Bill: &upstream.Bill{PlanCode: "A"}}},
		Subscriber: Part[upstream.Subscriber]{Value: upstream.Subscriber{Plan: upstream.Plan{Code: "A", Data: "20GB"}}},
	}
	home.Bill.Value.Bill.Usage.Data = "5GB"
	if data := home.Usages()[0]; data.Percent != 25 || data.Allowed != "20GB" {
		t.Errorf("%+v", data)
	}
	home.Subscriber.Value.Plan.Code = "B"
	if data := home.Usages()[0]; data.Limited || data.Allowed != "" {
		t.Errorf("%+v", data)
	}
}
