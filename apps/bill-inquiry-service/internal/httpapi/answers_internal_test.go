package httpapi

import (
	"reflect"
	"testing"
	"time"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
)

// full returns a bill in which each number, text, flag and slice can be changed.
func full() bill.Bill {
	return bill.Bill{
		Line: "01012345678", Month: "2026-11", AsOf: time.Date(2026, 11, 1, 0, 0, 0, 0, bill.Seoul),
		Customer: bill.Customer{ID: "CUST001"},
		Charges: bill.Charges{
			Periods:   []bill.Charge{{Name: "plan", From: "20261101", To: "20261130", Amount: 1}},
			Discounts: []bill.Discount{{Name: "contract", Amount: 1}},
		},
	}
}

// TestEachMemberMakesAnotherAnswer changes each member of a bill, one at a time. A new
// member of a bill fails here until sameBill compares it.
func TestEachMemberMakesAnotherAnswer(t *testing.T) {
	t.Parallel()
	a, b := full(), full()
	if !sameBill(&a, &b) {
		t.Fatal("equal bills differ")
	}
	changed := 0
	eachMember(t, reflect.ValueOf(&b).Elem(), "Bill", func(name string) {
		changed++
		if sameBill(&a, &b) {
			t.Errorf("%s is not compared", name)
		}
	})
	if changed < 25 {
		t.Errorf("only %d members were changed", changed)
	}
}

// eachMember changes each member of v, calls check, and changes it back.
func eachMember(t *testing.T, v reflect.Value, name string, check func(name string)) {
	t.Helper()
	before := reflect.New(v.Type()).Elem()
	before.Set(v)
	switch v.Kind() {
	case reflect.String:
		v.SetString(v.String() + "x")
	case reflect.Int64:
		v.SetInt(v.Int() + 1)
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Slice:
		eachMember(t, v.Index(0), name+"[0]", check)
		v.Set(reflect.MakeSlice(v.Type(), 0, 0))
	case reflect.Struct:
		at, isTime := v.Interface().(time.Time)
		if !isTime {
			for i := range v.NumField() {
				eachMember(t, v.Field(i), name+"."+v.Type().Field(i).Name, check)
			}
			return
		}
		v.Set(reflect.ValueOf(at.Add(time.Nanosecond)))
	default:
		t.Fatalf("%s has the kind %s", name, v.Kind())
	}
	check(name)
	v.Set(before)
}

func TestAnswersAreEncodedAgainOnlyForAnotherBill(t *testing.T) {
	t.Parallel()
	answers := newBillAnswers()
	encode := func(b bill.Bill) string {
		t.Helper()
		members, err := answers.encode(&b)
		if err != nil {
			t.Fatal(err)
		}
		return string(members)
	}
	first := full()
	second := full()
	second.Charges.Total = 7
	one, two := encode(first), encode(second)
	if one == two {
		t.Error("two bills have the same answer")
	}
	if encode(second) != two || encode(first) != one {
		t.Error("the answer of a bill has changed")
	}
}

// BenchmarkKnownAnswer measures the answer of a bill that was shown before. It allocates
// nothing.
func BenchmarkKnownAnswer(b *testing.B) {
	answers, known := newBillAnswers(), full()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := answers.encode(&known); err != nil {
			b.Fatal(err)
		}
	}
}
