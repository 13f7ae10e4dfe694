package componenttest

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/phonebill/phonebill/apps/internal/daprtest"
	"github.com/phonebill/phonebill/apps/internal/expect"
)

// A failed call does not show whether the order was applied.
func TestFailsBeforeOrAfterAnOrderIsApplied(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change string
		status int // 0: no answer
		leaves bool
		found  bool
	}{
		"failure before":  {`{"script":[{"status":503}]}`, 503, false, false},
		"failure after":   {`{"script":[{"status":503,"after":true}]}`, 503, false, true},
		"drop before":     {`{"script":[{"drop":true}]}`, 0, false, false},
		"drop after":      {`{"script":[{"drop":true,"after":true}]}`, 0, false, true},
		"late after":      {`{"script":[{"latencyMs":15000,"after":true}]}`, 0, true, true},
		"late before":     {`{"script":[{"latencyMs":15000}]}`, 0, true, false},
		"hang before":     {`{"script":[{"hang":true}]}`, 0, true, false},
		"hang after":      {`{"hang":true,"after":true}`, 0, true, true},
		"outage":          {`{"outageSeconds":30}`, 503, false, false},
		"outage after":    {`{"outageSeconds":30,"after":true}`, 503, false, true},
		"failures before": {`{"errorShare":1,"errorStatus":502,"after":false}`, 502, false, false},
		"failures after":  {`{"errorShare":1,"errorStatus":502,"after":true}`, 502, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kos := newWorld(t).start()
			token := kos.token("product-change-service")
			kos.setBehavior("product-change", tc.change)
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			results := make(chan result, 1)
			go func() {
				got, err := kos.send(ctx, http.MethodPost, "/api/kos/product-change", token, newOrder("r-1", "5G-PREMIUM-001").json())
				results <- result{got, err}
			}()
			expect.Eventually(t, "the call arrives", func() bool { return kos.count(`{"endpoint":"product-change"}`).Total == 1 })
			if tc.found {
				expect.Eventually(t, "the order is applied", func() bool { return kos.outcome(token, "r-1").Found })
			}
			if tc.leaves {
				leave()
			}
			if got := <-results; got.status != tc.status || (got.err != nil) != (tc.status == 0) {
				t.Errorf("got %d %s, %v", got.status, got.body, got.err)
			}
			if got := kos.outcome(token, "r-1"); got.Found != tc.found {
				t.Errorf("found %v", got.Found)
			}

			// A repeat is applied once in all.
			kos.setBehavior("product-change", `{}`)
			if got, code, data := kos.change(token, newOrder("r-1", "5G-PREMIUM-001")); code != "0000" || data.Status != "APPLIED" {
				t.Errorf("repeat: %d %s", got.status, got.body)
			}
			if orders := kos.orders(""); len(orders) != 1 || !orders[0].Applied {
				t.Errorf("log is %+v", orders)
			}
		})
	}
}

// Random failures occur both before and after orders are applied.
func TestRandomFailuresBeforeAndAfter(t *testing.T) {
	t.Parallel()
	kos := newWorld(t).start()
	token := kos.token("product-change-service")
	kos.setBehavior("product-change", `{"errorShare":1,"limitPerMinute":0}`)
	const calls = 60
	for n := range calls {
		o := newOrder(fmt.Sprintf("r-%d", n), "5G-PREMIUM-001")
		o.LineNumber = fmt.Sprintf("0103%07d", n)
		if got, code, _ := kos.change(token, o); code != "9500" {
			t.Fatalf("got %d %s", got.status, got.body)
		}
	}
	if done := len(kos.orders("")); done == 0 || done == calls {
		t.Errorf("%d of %d failed orders were decided on", done, calls)
	}
}

// through returns a client that uses a sidecar with the resiliency policies of this repository.
func (w *world) through(kos *service) *service {
	w.t.Helper()
	caller := daprtest.Start(w.t, daprtest.Options{
		AppID:        "caller-of-" + w.database.Config.Name,
		Resources:    []string{daprtest.HTTPEndpoint("kos-mock-service", kos.url)},
		ResourceDirs: []string{"../../../resiliency"},
	})
	seen := *kos
	seen.url = "http://kos"
	seen.http = &http.Client{Transport: caller.Client().Invoker("kos-mock-service"), Timeout: 20 * time.Second}
	return &seen
}

func TestOrderThroughRetryingSidecar(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	kos := w.start()
	token := kos.token("product-change-service")
	caller := w.through(kos)
	for n, tc := range []struct {
		script string
		status int
		calls  int64
	}{
		{`[]`, 200, 1},
		{`[{"status":503,"after":true}]`, 200, 2},
		{`[{"status":500},{"status":504,"after":true}]`, 200, 3},
		{`[{"drop":true,"after":true}]`, 200, 2},
		{`[{"latencyMs":15000,"after":true}]`, 200, 2}, // longer than the sidecar's timeout
		{`[{"status":503,"after":true,"times":3}]`, 503, 3},
		{`[{"status":429}]`, 429, 1},
	} {
		o := newOrder(fmt.Sprintf("r-%d", n), "5G-PREMIUM-001")
		if n%2 == 1 { // back to the first plan
			o.CurrentProductCode, o.TargetProductCode = o.TargetProductCode, o.CurrentProductCode
		}
		kos.setBehavior("product-change", `{"script":`+tc.script+`}`)
		if got := caller.do(http.MethodPost, "/api/kos/product-change", token, o.json()); got.status != tc.status {
			t.Errorf("%s: the caller gets %d %s", tc.script, got.status, got.body)
		}
		if calls := kos.count(fmt.Sprintf(`{"endpoint":"product-change","requestId":%q}`, o.RequestID)).Total; calls != tc.calls {
			t.Errorf("%s: %d calls", tc.script, calls)
		}
		wantPlan, found := o.TargetProductCode, tc.status != http.StatusTooManyRequests
		if !found {
			wantPlan = o.CurrentProductCode
		}
		if got := kos.outcome(token, o.RequestID); got.Found != found {
			t.Errorf("%s: found %v", tc.script, got.Found)
		}
		if plan := kos.plan(token); plan != wantPlan {
			t.Errorf("%s: the line has %s", tc.script, plan)
		}
	}
	orders := kos.orders("")
	if len(orders) != 6 {
		t.Errorf("log holds %d orders", len(orders))
	}
	for _, got := range orders {
		if got.ResultCode != "0000" {
			t.Errorf("log is %+v", got)
		}
	}
}
