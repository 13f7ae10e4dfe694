package componenttest

import (
	"net/http"
	"testing"
	"time"
)

func script(steps ...map[string]any) map[string]any { return map[string]any{"script": steps} }

// KOS carries out an order and its answer is lost, three times: the service inquires the
// outcome.
func TestLostAnswerOfAnOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	c := w.login(premiumLine)
	w.kos.Behave("product-change", script(map[string]any{"status": 503, "after": true, "times": 3}))
	got := c.change(premium, basic)
	if got.status != http.StatusOK || got.data["processStatus"] != "COMPLETED" {
		t.Fatalf("got %+v", got)
	}
	if orders, asked := w.kos.Calls("product-change"), w.kos.Calls("product-change-status"); orders != 3 || asked != 1 {
		t.Errorf("%d orders, %d inquiries", orders, asked)
	}
	if got := c.plan(); got != basic {
		t.Errorf("the plan is %s", got)
	}
}

// KOS does not receive an order: it is repeated with the same id.
func TestLostOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.kos.Behave("product-change", script(map[string]any{"status": 503, "after": false, "times": 3}))
	c := w.login(premiumLine)
	if got := c.change(premium, basic); got.status != http.StatusOK || got.data["processStatus"] != "COMPLETED" {
		t.Fatalf("got %+v", got)
	}
	if orders, attempts := w.kos.Calls("product-change"), w.count("SELECT attempts FROM change_request"); orders != 4 || attempts != 2 {
		t.Errorf("%d orders in %d attempts", orders, attempts)
	}
}

// KOS takes longer than a client waits: the client gets 202 with the location of the
// change.
func TestSlowOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.kos.Behave("product-change", script(map[string]any{"latencyMs": 9000, "after": true, "times": 3}))
	c := w.login(premiumLine)
	start := time.Now()
	got := c.change(premium, basic)
	if took := time.Since(start); got.status != http.StatusAccepted || took > 8*time.Second {
		t.Fatalf("after %s: %+v", took, got)
	}
	if final := c.final(got.data["requestId"]); final.data["processStatus"] != "COMPLETED" || final.data["resultCode"] != "0000" {
		t.Errorf("final: %+v", final)
	}
	if n := w.kos.Calls("product-change"); n > 3 { // the sidecar's tries of one order
		t.Errorf("%d orders, though KOS had the first", n)
	}
}

// An outage of orders: accepted changes show why they wait, the other routes work, and the
// changes are carried out after the outage.
func TestOutageOfOrders(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{replicas: 2, quickBreaker: true})
	first, has, wants := w.anyCustomer()
	second, hasToo, wantsToo := w.anyCustomer()
	second = second.at(w.replicas[1])
	w.kos.Behave("product-change", map[string]any{"outageSeconds": 600})
	one := first.change(has, wants, "Prefer", "respond-async")
	two := second.change(hasToo, wantsToo, "Prefer", "respond-async")
	if !one.accepted() || !two.accepted() {
		t.Fatalf("%+v, %+v", one, two)
	}
	w.eventually("both show why they wait", func() bool {
		return first.result(one.data["requestId"]).data["waitReason"] == "KOS_UNAVAILABLE" &&
			second.result(two.data["requestId"]).data["waitReason"] == "KOS_UNAVAILABLE"
	})
	start := time.Now()
	if got := first.do("GET", "/api/v1/products/history", ""); got.status != http.StatusOK {
		t.Errorf("history: %+v", got)
	}
	if got := first.do("GET", "/api/v1/products/available", ""); got.status != http.StatusOK {
		t.Errorf("catalogue: %+v", got)
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("reads took %s", took)
	}
	w.kos.Behave("product-change", map[string]any{})
	for _, final := range []answer{first.final(one.data["requestId"]), second.final(two.data["requestId"])} {
		if final.data["processStatus"] != "COMPLETED" {
			t.Errorf("final: %+v", final)
		}
	}
}

// During an outage of all endpoints no change is accepted, and stale copies are served.
func TestOutageOfAllEndpoints(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{quickBreaker: true, volatileL2: true})
	c, current, other := w.anyCustomer()
	for _, endpoint := range []string{"product-inquiry", "products", "product-change", "product-change-status"} {
		w.kos.Behave(endpoint, map[string]any{"outageSeconds": 600})
	}
	got := c.change(current, other)
	if got.status != http.StatusServiceUnavailable || got.code != "KOS_UNAVAILABLE" || got.header.Get("Retry-After") == "" {
		t.Errorf("a change: %+v", got)
	}
	if n := w.count("SELECT count(*) FROM change_request"); n != 0 {
		t.Errorf("%d changes accepted", n)
	}
	// L2 loses the line, and so does this process.
	w.replicas[0].forget()
	stale := c.do("GET", "/api/v1/products/customer", "")
	if stale.status != http.StatusOK || stale.data["stale"] != true {
		t.Errorf("seen before: %+v", stale)
	}
	if got := w.login(standardLine).do("GET", "/api/v1/products/customer", ""); got.status != http.StatusServiceUnavailable {
		t.Errorf("never seen: %+v", got)
	}
}

// Other replicas take over the changes of a stopped one.
func TestChangesOfAStoppedReplicaContinue(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{replicas: 2})
	w.kos.Behave("product-change", map[string]any{"latency": map[string]int{"minMs": 1500, "maxMs": 1500}})
	c := w.login(premiumLine)
	got := c.change(premium, basic, "Prefer", "respond-async")
	w.eventually("KOS has the order", func() bool { return w.kos.Calls("product-change") > 0 })
	w.replicas[0].stop()
	if final := c.at(w.replicas[1]).final(got.data["requestId"]); final.data["processStatus"] != "COMPLETED" {
		t.Errorf("final: %+v", final)
	}
}

// Without sidecars no change is accepted. A change that was accepted before is carried out
// when they are back.
func TestSidecarDies(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	c, has, wants := w.anyCustomer()
	w.kos.Behave("product-change", script(map[string]any{"latencyMs": 1500, "after": true}))
	got := c.change(has, wants, "Prefer", "respond-async")
	w.eventually("KOS has the order", func() bool { return w.kos.Calls("product-change") > 0 })
	w.replicas[0].dapr.Kill()
	w.eventually("it waits", func() bool {
		return w.count("SELECT count(*) FROM kos_queue WHERE due_at > clock_timestamp() OR EXISTS (SELECT FROM kos_outage WHERE until > clock_timestamp())") == 1
	})
	w.replicas[0].dapr.Restart()
	if final := c.final(got.data["requestId"]); final.data["processStatus"] != "COMPLETED" {
		t.Errorf("final: %+v", final)
	}
	if got := c.plan(); got != wants {
		t.Errorf("the plan is %s", got)
	}
}
