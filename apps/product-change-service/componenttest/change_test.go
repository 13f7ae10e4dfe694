package componenttest

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/phonebill/phonebill/apps/product-change-service/internal/change"
)

func TestACustomersJourney(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	c := w.login(premiumLine)
	if got := c.do("GET", "/api/v1/products/menu", ""); got.status != http.StatusOK || got.data["lineNumber"] != premiumLine {
		t.Errorf("menu: %+v", got)
	}
	if got := c.plan(); got != premium {
		t.Fatalf("the plan is %s", got)
	}
	if got := c.do("GET", "/api/v1/products/available", ""); got.status != http.StatusOK || got.data["totalCount"] != 3.0 {
		t.Errorf("available: %+v", got)
	}
	body := fmt.Sprintf(`{"lineNumber":%q,"currentProductCode":%q,"targetProductCode":%q}`, "010-1234-5678", premium, basic)
	if got := c.do("POST", "/api/v1/products/change/validation", body); got.data["validationResult"] != "SUCCESS" {
		t.Errorf("validation: %+v", got)
	}

	changed := c.do("POST", "/api/v1/products/change", body)
	if plan, _ := changed.data["changedProduct"].(map[string]any); changed.status != http.StatusOK || changed.data["resultCode"] != "0000" ||
		plan["productCode"] != basic || plan["monthlyFee"] != 39_000.0 {
		t.Fatalf("change: %+v", changed)
	}
	if got := c.plan(); got != basic {
		t.Errorf("right after the response, the plan is %s", got)
	}
	if got := c.do("POST", "/api/v1/products/change/validation", body); got.data["validationResult"] != "FAILURE" {
		t.Errorf("validation of the same again: %+v", got)
	}
	if got := c.result(changed.data["requestId"]); got.data["processStatus"] != "COMPLETED" {
		t.Errorf("result: %+v", got)
	}
	if got := w.login(standardLine).result(changed.data["requestId"]); got.status != http.StatusNotFound {
		t.Errorf("a stranger's result: %+v", got)
	}
	history := c.do("GET", "/api/v1/products/history", "")
	if items, _ := history.data["history"].([]any); len(items) != 1 || items[0].(map[string]any)["targetProductName"] != "LTE 베이직" {
		t.Errorf("history: %+v", history)
	}
	if n := w.count("SELECT count(*) FROM kos_exchange WHERE line_masked IN ('', '010-****-5678')"); n < 4 || n != w.count("SELECT count(*) FROM kos_exchange") {
		t.Errorf("%d exchanges with the line masked", n)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	c := w.login(premiumLine)
	for name, test := range map[string]struct {
		got    answer
		status int
		code   string
	}{
		"discontinued":         {c.change(premium, "3G-OLD-001"), 409, "VALIDATION_FAILED"},
		"another operator's":   {c.change(premium, "LGU-5G-LITE-001"), 409, "VALIDATION_FAILED"},
		"the same":             {c.change(premium, premium), 409, "VALIDATION_FAILED"},
		"another current plan": {c.change(basic, standard), 409, "VALIDATION_FAILED"},
		"no such plan":         {c.change(premium, "NONE"), 409, "VALIDATION_FAILED"},
		"a suspended line":     {w.login(suspended).change(premium, basic), 409, "LINE_SUSPENDED"},
		"an unknown line":      {w.login("01099990000").change(premium, basic), 404, "LINE_NOT_FOUND"},
	} {
		if test.got.status != test.status || test.got.code != test.code {
			t.Errorf("%s: %+v", name, test.got)
		}
	}
	if n := w.count("SELECT count(*) FROM change_request"); n != 0 || w.kos.Calls("product-change") != 0 {
		t.Errorf("%d changes accepted, %d orders", n, w.kos.Calls("product-change"))
	}
}

func TestAScheduledChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	c := w.login(premiumLine)
	day := change.DayOf(time.Now().AddDate(0, 0, 3))
	body := fmt.Sprintf(`{"lineNumber":%q,"currentProductCode":%q,"targetProductCode":%q,"changeEffectiveDate":%q}`, premiumLine, premium, basic, day)
	if got := c.do("POST", "/api/v1/products/change", body); got.status != http.StatusOK || got.data["resultCode"] != "0000" || got.data["effectiveDate"] != string(day) {
		t.Fatalf("got %+v", got)
	}
	if got := c.plan(); got != premium {
		t.Errorf("until its day the plan is %s", got)
	}
	// KOS keeps the scheduled change and refuses another.
	if got := c.change(premium, standard); got.status != http.StatusOK || got.data["processStatus"] != "FAILED" || got.data["resultCode"] != "2099" || got.data["resultMessage"] == "" {
		t.Errorf("another change: %+v", got)
	}
	past := strings.Replace(body, string(day), "2020-01-01", 1)
	if got := c.do("POST", "/api/v1/products/change", past); got.status != http.StatusBadRequest || got.code != "INVALID_EFFECTIVE_DATE" {
		t.Errorf("a day in the past: %+v", got)
	}
}

func TestOneOfTwoHundredRequestsIsAccepted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{replicas: 2})
	w.kos.Behave("product-change", map[string]any{"latency": map[string]int{"minMs": 1500, "maxMs": 1500}})
	c := w.login(premiumLine)
	answers := w.together(200, func(i int) (got answer) {
		for {
			got = c.at(w.replicas[i%2]).change(premium, []string{basic, standard}[i%2])
			if got.code != "DATABASE_UNAVAILABLE" { // a busy machine: a client asks again
				return got
			}
		}
	})
	accepted := 0
	for _, got := range answers {
		if got.accepted() {
			accepted++
		} else if got.code != "CHANGE_IN_PROGRESS" && got.code != "VALIDATION_FAILED" { // the latter once the change is final
			t.Errorf("got %+v", got)
		}
	}
	if rows := w.count("SELECT count(*) FROM change_request"); accepted != 1 || rows != 1 || w.kos.Calls("product-change") != 1 {
		t.Errorf("%d accepted, %d rows, %d orders", accepted, rows, w.kos.Calls("product-change"))
	}
}

func TestAHundredRequestsWithOneKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{replicas: 2})
	c := w.login(premiumLine)
	answers := w.together(100, func(i int) answer {
		return c.at(w.replicas[i%2]).change(premium, basic, "Idempotency-Key", "one key")
	})
	if got := answers[0]; got.status != http.StatusBadRequest { // a blank is none of a key
		t.Fatalf("got %+v", got)
	}
	answers = w.together(100, func(i int) answer {
		return c.at(w.replicas[i%2]).change(premium, basic, "Idempotency-Key", "one-key")
	})
	for _, got := range answers {
		if got.status != http.StatusOK || got.text() != answers[0].text() {
			t.Fatalf("answers differ: %+v and %+v", got, answers[0])
		}
	}
	if rows := w.count("SELECT count(*) FROM change_request"); rows != 1 || w.kos.Calls("product-change") != 1 {
		t.Errorf("%d rows, %d orders", rows, w.kos.Calls("product-change"))
	}
	if got := c.change(premium, basic, "Idempotency-Key", "one-key"); got.text() != answers[0].text() {
		t.Errorf("later: %+v", got)
	}
	if got := c.change(basic, standard, "Idempotency-Key", "one-key"); got.status != http.StatusUnprocessableEntity || got.code != "IDEMPOTENCY_KEY_REUSED" {
		t.Errorf("other contents: %+v", got)
	}
}

// together makes n calls at once.
func (w *world) together(n int, call func(i int) answer) []answer {
	w.t.Helper()
	answers := make([]answer, n)
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() { answers[i] = call(i) })
	}
	group.Wait()
	return answers
}

func TestAsynchronousOnRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.kos.Behave("product-change", map[string]any{"latency": map[string]int{"minMs": 1000, "maxMs": 1000}})
	c := w.login(premiumLine)
	got := c.change(premium, basic, "Prefer", "respond-async")
	if got.status != http.StatusAccepted || got.header.Get("Preference-Applied") != "respond-async" || got.data["processStatus"] == "COMPLETED" {
		t.Fatalf("got %+v", got)
	}
	if again := c.change(premium, standard); again.code != "CHANGE_IN_PROGRESS" {
		t.Errorf("meanwhile: %+v", again)
	}
	location := got.header.Get("Location")
	w.eventually("the change at Location is final", func() bool {
		return c.do("GET", location, "").data["processStatus"] == "COMPLETED"
	})
}
