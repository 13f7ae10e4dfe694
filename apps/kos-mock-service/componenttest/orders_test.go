package componenttest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// order is an order for a line, by default one with LTE-BASIC-001.
type order struct {
	LineNumber         string `json:"lineNumber"`
	CurrentProductCode string `json:"currentProductCode"`
	TargetProductCode  string `json:"targetProductCode"`
	EffectiveDate      string `json:"effectiveDate,omitempty"`
	RequestID          string `json:"requestId"`
}

// basic is a line with LTE-BASIC-001.
const basic = "01099998888"

func newOrder(requestID, target string) order {
	return order{LineNumber: basic, CurrentProductCode: "LTE-BASIC-001", TargetProductCode: target, RequestID: requestID}
}

func (o order) json() string {
	text, err := json.Marshal(o)
	if err != nil {
		panic(err) // it always marshals
	}
	return string(text)
}

// changed is an accepted order in an answer.
type changed struct {
	RequestID, LineNumber, OrderNumber, Status, PreviousProductCode, EffectiveDate, ProcessedAt string

	Product struct {
		ProductCode, ProductName string
		MonthlyFee               int
	}
}

// change sends an order and returns the answer.
func (s *service) change(token string, o order) (answer, string, changed) {
	s.t.Helper()
	var data changed
	got := s.do(http.MethodPost, "/api/kos/product-change", token, o.json())
	return got, got.kos(s.t, &data), data
}

// outcome is an answer of product-change-status.
type outcome struct {
	RequestID                 string
	Found                     bool
	ResultCode, ResultMessage *string
	Order                     *changed
}

func (s *service) outcome(token, requestID string) outcome {
	s.t.Helper()
	var got outcome
	answer := s.do(http.MethodPost, "/api/kos/product-change-status", token, fmt.Sprintf(`{"requestId":%q}`, requestID))
	if code := answer.kos(s.t, &got); code != "0000" {
		s.t.Fatalf("status of %s: %d %s", requestID, answer.status, answer.body)
	}
	return got
}

// plan returns the code of the plan of basic.
func (s *service) plan(token string) string {
	s.t.Helper()
	var got struct{ Product struct{ ProductCode string } }
	s.do(http.MethodPost, "/api/kos/product-inquiry", token, fmt.Sprintf(`{"lineNumber":%q,"requestId":"r"}`, basic)).kos(s.t, &got)
	return got.Product.ProductCode
}

// billed returns the code of the plan on basic's bill.
func (s *service) billed(token, month string) string {
	s.t.Helper()
	var got struct{ Product struct{ ProductCode string } }
	s.inquire(token, basic, month).kos(s.t, &got)
	return got.Product.ProductCode
}

func TestChangesAPlan(t *testing.T) {
	t.Parallel()
	kos := newWorld(t).start()
	token := kos.token("product-change-service")
	_, code, got := kos.change(token, newOrder("r-1", "5G-PREMIUM-001"))
	want := changed{
		RequestID: "r-1", LineNumber: basic, OrderNumber: "20260117-000001", Status: "APPLIED",
		PreviousProductCode: "LTE-BASIC-001", EffectiveDate: "2026-01-17", ProcessedAt: "2026-01-17T09:00:00Z",
	}
	want.Product.ProductCode, want.Product.ProductName, want.Product.MonthlyFee = "5G-PREMIUM-001", "5G 프리미엄", 89_000
	if diff := cmp.Diff(want, got); code != "0000" || diff != "" {
		t.Errorf("%s %s", code, diff)
	}
	if plan := kos.plan(token); plan != "5G-PREMIUM-001" {
		t.Errorf("the line has %s", plan)
	}
	for month, plan := range map[string]string{"202512": "LTE-BASIC-001", "202601": "5G-PREMIUM-001"} {
		if billed := kos.billed(token, month); billed != plan {
			t.Errorf("%s: %s", month, billed)
		}
	}
	kos.clock.advance(30 * 24 * time.Hour)
	if billed := kos.billed(kos.token("product-change-service"), "202602"); billed != "5G-PREMIUM-001" {
		t.Errorf("the month after: %s", billed)
	}
}

func TestSchedulesAChange(t *testing.T) {
	t.Parallel()
	kos := newWorld(t).start()
	token := kos.token("product-change-service")
	coming := newOrder("r-1", "5G-PREMIUM-001")
	coming.EffectiveDate = "2026-01-18"
	first, code, got := kos.change(token, coming)
	if code != "0000" || got.Status != "SCHEDULED" || got.EffectiveDate != "2026-01-18" {
		t.Errorf("got %s", first.body)
	}
	kos.clock.advance(5*time.Hour + 59*time.Minute + 59*time.Second) // one second before midnight in Korea
	token = kos.token("product-change-service")
	if plan := kos.plan(token); plan != "LTE-BASIC-001" {
		t.Errorf("before its day the line has %s", plan)
	}
	if got := kos.orders("")[0]; got.Applied || got.AppliedAt == nil || *got.AppliedAt != "2026-01-17T15:00:00Z" {
		t.Errorf("before its day the log is %+v", got)
	}
	if _, code, _ := kos.change(token, newOrder("r-2", "5G-STANDARD-001")); code != "2099" {
		t.Errorf("another order before its day: %s", code)
	}
	kos.clock.advance(time.Second)
	if plan := kos.plan(token); plan != "5G-PREMIUM-001" {
		t.Errorf("on its day the line has %s", plan)
	}
	if !kos.orders("")[0].Applied {
		t.Error("on its day the log shows it as not applied")
	}
	if again, _, _ := kos.change(token, coming); string(again.body) != string(first.body) {
		t.Errorf("repeat: %s, first %s", again.body, first.body)
	}
}

func TestRefusesOrdersAsKOSDoes(t *testing.T) {
	t.Parallel()
	kos := newWorld(t).start()
	token := kos.token("product-change-service")
	for want, o := range map[string]order{
		"2001": {LineNumber: "01077770000", CurrentProductCode: "LTE-BASIC-001", TargetProductCode: "5G-PREMIUM-001"},
		"2002": {LineNumber: "01000000000", CurrentProductCode: "LTE-BASIC-001", TargetProductCode: "5G-PREMIUM-001"},
		"2003": {LineNumber: basic, CurrentProductCode: "LTE-BASIC-001", TargetProductCode: "6G-001"},
		"2004": {LineNumber: basic, CurrentProductCode: "LTE-BASIC-001", TargetProductCode: "3G-OLD-001"},
		"2005": {LineNumber: basic, CurrentProductCode: "LTE-BASIC-001", TargetProductCode: "LGU-5G-LITE-001"},
		"2006": {LineNumber: basic, CurrentProductCode: "LTE-PREMIUM-001", TargetProductCode: "5G-PREMIUM-001"},
		"2099": {LineNumber: basic, CurrentProductCode: "LTE-BASIC-001", TargetProductCode: "LTE-BASIC-001"},
	} {
		o.RequestID = "r-" + want
		first, code, _ := kos.change(token, o)
		if code != want || first.status != http.StatusOK {
			t.Errorf("%s: %d %s", want, first.status, first.body)
		}
		if again, _, _ := kos.change(token, o); string(again.body) != string(first.body) {
			t.Errorf("%s, repeat: %s", want, again.body)
		}
		if got := kos.outcome(token, o.RequestID); !got.Found || *got.ResultCode != want || got.Order != nil {
			t.Errorf("%s has the status %+v", want, got)
		}
	}
	if plan := kos.plan(token); plan != "LTE-BASIC-001" {
		t.Errorf("the line has %s", plan)
	}
}

func TestOrderStatus(t *testing.T) {
	t.Parallel()
	kos := newWorld(t).start()
	token := kos.token("product-change-service")
	if diff := cmp.Diff(outcome{RequestID: "r-1"}, kos.outcome(token, "r-1")); diff != "" {
		t.Errorf("before the order: %s", diff)
	}
	_, _, first := kos.change(token, newOrder("r-1", "5G-PREMIUM-001"))
	got := kos.outcome(token, "r-1")
	if !got.Found || *got.ResultCode != "0000" || *got.ResultMessage == "" || got.Order == nil {
		t.Fatalf("got %+v", got)
	}
	if diff := cmp.Diff(first, *got.Order); diff != "" {
		t.Error(diff)
	}
	other := kos.token("bill-inquiry-service")
	if kos.outcome(other, "r-1").Found {
		t.Error("another client finds it")
	}
	for name, o := range map[string]struct {
		token string
		order order
	}{
		"another client":   {other, newOrder("r-1", "5G-PREMIUM-001")},
		"another contents": {token, newOrder("r-1", "5G-STANDARD-001")},
	} {
		if got, code, _ := kos.change(o.token, o.order); got.status != http.StatusBadRequest || code != "9001" {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	bad := kos.do(http.MethodPost, "/api/kos/product-change-status", token, `{"requestId":""}`)
	if code := bad.kos(t, nil); bad.status != http.StatusBadRequest || code != "9001" {
		t.Errorf("no id: %d %s", bad.status, bad.body)
	}
}

// Concurrent repeats of one order on two replicas.
func TestOrderIsAcceptedOnceOverReplicas(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	replicas := []*service{w.start(), w.start()}
	token := replicas[0].token("product-change-service")
	replicas[0].setBehavior("product-change", `{"limitPerMinute":0}`)
	answers := make([]string, 100)
	var group sync.WaitGroup
	for n := range answers {
		group.Go(func() {
			got, err := replicas[n%2].send(context.Background(), http.MethodPost, "/api/kos/product-change", token,
				newOrder("r-1", "5G-PREMIUM-001").json())
			if err != nil {
				t.Error(err)
			}
			answers[n] = string(got.body)
		})
	}
	group.Wait()
	for _, got := range answers {
		if got != answers[0] {
			t.Fatalf("answers differ: %s and %s", got, answers[0])
		}
	}
	if orders := replicas[1].orders(""); len(orders) != 1 || orders[0].ResultCode != "0000" || !orders[0].Applied {
		t.Errorf("log is %+v", orders)
	}
}
