package httpapi_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/behavior"
)

const productChange = `{"lineNumber":"010-9999-8888","currentProductCode":"LTE-BASIC-001",` +
	`"targetProductCode":"5G-PREMIUM-001","requestId":"request-1"}`

func TestFaultsBeforeAndAfterTheWork(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		admission behavior.Admission
		status    int
		done      bool
	}{
		"no fault":             {behavior.Admission{Step: &behavior.Step{}}, http.StatusOK, true},
		"no fault, work first": {behavior.Admission{Step: &behavior.Step{After: true}}, http.StatusOK, true},
		"failure before":       {behavior.Admission{Step: &behavior.Step{Status: 504}}, http.StatusGatewayTimeout, false},
		"failure after":        {behavior.Admission{Step: &behavior.Step{Status: 504, After: true}}, http.StatusGatewayTimeout, true},
		"override: after": {
			behavior.Admission{Override: behavior.Override{ErrorShare: new(1.0), After: new(true)}},
			http.StatusInternalServerError, true,
		},
		"override: before": {
			behavior.Admission{Override: behavior.Override{ErrorShare: new(1.0), After: new(false)}},
			http.StatusInternalServerError, false,
		},
		"beyond the limit": {
			behavior.Admission{Limited: true, Override: behavior.Override{After: new(true)}},
			http.StatusTooManyRequests, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newKOS()
			k.admission = tc.admission
			k.admission.CallID = 7
			k.admission.Override.Latency = &behavior.Latency{}
			if step := k.admission.Step; step != nil {
				step.LatencyMs = new(behavior.Milliseconds)
			}
			status, _, _ := k.ask(t.Context(), t, "/api/kos/product-change", k.bearer(t), productChange)
			if status != tc.status || (len(k.orders) == 1) != tc.done {
				t.Errorf("got %d after %d orders", status, len(k.orders))
			}
			if len(k.answers) != 1 || k.answers[0].Status != tc.status {
				t.Errorf("recorded %+v", k.answers)
			}
		})
	}
}

func TestDroppedAnswers(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]bool{"before the work": false, "after the work": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newKOS()
			k.admission.Step = &behavior.Step{Drop: true, After: after, LatencyMs: new(behavior.Milliseconds)}
			defer func() {
				if cause, _ := recover().(error); !errors.Is(cause, http.ErrAbortHandler) {
					t.Errorf("the handler ends with %v", cause)
				}
				if len(k.answers) != 0 || (len(k.orders) == 1) != after {
					t.Errorf("recorded %+v after %d orders", k.answers, len(k.orders))
				}
			}()
			status, _, _ := k.ask(t.Context(), t, "/api/kos/product-change", k.bearer(t), productChange)
			t.Errorf("answered with %d", status)
		})
	}
}

func TestOrderOfDisconnectedClient(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]bool{"before the work": false, "after the work": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newKOS()
			k.admission.Step = &behavior.Step{Hang: true, After: after, LatencyMs: new(behavior.Milliseconds)}
			ctx, leave := context.WithCancel(t.Context())
			leave()
			status, _, _ := k.ask(ctx, t, "/api/kos/product-change", k.bearer(t), productChange)
			if status != 499 || len(k.answers) != 0 || (len(k.orders) == 1) != after {
				t.Errorf("got %d, recorded %+v after %d orders", status, k.answers, len(k.orders))
			}
		})
	}
}

func TestInvalidOrdersAreRefused(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ from, to string }{
		"line":              {"010-9999-8888", "010-9999-888"},
		"current plan":      {"LTE-BASIC-001", ""},
		"target plan":       {"5G-PREMIUM-001", "5G PREMIUM"},
		"long plan":         {"5G-PREMIUM-001", strings.Repeat("5", 41)},
		"request id":        {"request-1", "request 1"},
		"unknown field":     {`"requestId"`, `"when":"now","requestId"`},
		"wrong date format": {`"requestId"`, `"effectiveDate":"20260118","requestId"`},
		"impossible date":   {`"requestId"`, `"effectiveDate":"2026-02-30","requestId"`},
		"past":              {`"requestId"`, `"effectiveDate":"2026-01-16","requestId"`},
		"far":               {`"requestId"`, `"effectiveDate":"2026-03-19","requestId"`},
		"time as date":      {`"requestId"`, `"effectiveDate":"2026-01-18T00:00:00Z","requestId"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newKOS()
			body := strings.Replace(productChange, tc.from, tc.to, 1)
			status, code, _ := k.ask(t.Context(), t, "/api/kos/product-change", k.bearer(t), body)
			if status != http.StatusBadRequest || code != "9001" || len(k.orders) != 0 {
				t.Errorf("got %d %s and %d orders", status, code, len(k.orders))
			}
		})
	}
}

func TestOrderLogOutageIs503(t *testing.T) {
	t.Parallel()
	for path, body := range map[string]string{
		"/api/kos/product-change":        productChange,
		"/api/kos/product-change-status": `{"requestId":"request-1"}`,
	} {
		k := newKOS()
		k.noStore = errors.New("away")
		status, code, header := k.ask(t.Context(), t, path, k.bearer(t), body)
		if status != http.StatusServiceUnavailable || code != "9503" || header.Get("Retry-After") != "1" {
			t.Errorf("%s: %d %s, Retry-After %q", path, status, code, header.Get("Retry-After"))
		}
	}
}
