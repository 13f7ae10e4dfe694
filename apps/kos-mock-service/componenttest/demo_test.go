package componenttest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func mockData(customer, line string) string {
	return fmt.Sprintf(`{"customerId":%q,"lineNumber":%q}`, customer, line)
}

func TestCreatesDemoData(t *testing.T) {
	t.Parallel()
	w := newDaprWorld(t)
	kos := w.start()
	token := kos.token("bill-inquiry-service")
	w.auth.register("01077771234", "CUST900")
	w.auth.register("01012345678", "CUST001")
	w.auth.register("01087654321", "CUST900")
	ask := func(customer, line string) answer {
		return kos.do(http.MethodPost, "/api/v1/kos/mock-datas", "", mockData(customer, line))
	}
	for name, tc := range map[string]struct {
		customer, line string
		status         int
		code           string
	}{
		"not registered":        {"CUST901", "01077771234", http.StatusNotFound, "LINE_NOT_REGISTERED"},
		"another's line":        {"CUST900", "01087654321", http.StatusConflict, "LINE_TAKEN"},
		"no line":               {"CUST900", "0107777", http.StatusBadRequest, "VALIDATION_ERROR"},
		"no customer":           {"", "01077771234", http.StatusBadRequest, "VALIDATION_ERROR"},
		"known to its customer": {"CUST001", "01012345678", http.StatusOK, ""},
	} {
		if got := ask(tc.customer, tc.line); got.status != tc.status || !strings.Contains(string(got.body), tc.code) {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	if code := kos.inquire(token, "01077771234", "202512").kos(t, nil); code != "1001" {
		t.Errorf("before: %s", code)
	}
	made, again := ask("CUST900", "010-7777-1234"), ask("CUST900", "01077771234")
	if made.status != http.StatusOK || string(made.body) != string(again.body) {
		t.Errorf("made %s, again %s", made.body, again.body)
	}
	var got struct {
		Data struct{ BillingMonths []string }
	}
	if err := json.Unmarshal(made.body, &got); err != nil {
		t.Fatal(err)
	}
	want := []string{"202512", "202511", "202510", "202509", "202508", "202507"}
	if diff := cmp.Diff(want, got.Data.BillingMonths); diff != "" {
		t.Error(diff)
	}
	if got := ask(customerOfBrokenAuth, "01077771234"); got.status != http.StatusServiceUnavailable || !strings.Contains(string(got.body), "AUTH_UNAVAILABLE") {
		t.Errorf("auth service unavailable: %d %s", got.status, got.body)
	}
	for month, want := range map[string]string{"202507": "0000", "202601": "0000", "202506": "1003"} {
		if code := kos.inquire(token, "01077771234", month).kos(t, nil); code != want {
			t.Errorf("%s: %s, want %s", month, code, want)
		}
	}
}

func TestDisabledRoutesDoNotExist(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	kos := w.start("KOS_MOCK_CONFIG_SECRET=kos-mock-config-closed")
	for _, route := range []struct{ method, path string }{
		{http.MethodGet, "/admin/behavior/auth"}, {http.MethodPut, "/admin/behavior/auth"},
		{http.MethodDelete, "/admin/behavior"}, {http.MethodGet, "/admin/calls"},
		{http.MethodPost, "/admin/calls"}, {http.MethodGet, "/admin/orders"}, {http.MethodPost, "/api/v1/kos/mock-datas"},
		{http.MethodGet, "/admin/troubles"}, {http.MethodPost, "/admin/troubles"},
	} {
		body := ""
		if route.method != http.MethodGet {
			body = `{}`
		}
		if got := kos.do(route.method, route.path, "", body); got.status != http.StatusNotFound {
			t.Errorf("%s %s: %d", route.method, route.path, got.status)
		}
	}
	if kos.token("auth-service") == "" {
		t.Error("the KOS API is not available")
	}
}

func TestIsNotReadyWithoutSettings(t *testing.T) {
	t.Parallel()
	w := newDaprWorld(t)
	for secret, reason := range map[string]string{
		"kos-mock-config":        "",
		"kos-mock-config-absent": "not loaded",
		"kos-mock-config-wrong":  "clients",
	} {
		kos := w.start("KOS_MOCK_CONFIG_SECRET=" + secret)
		ready := get(t, kos, "/actuator/health/readiness")
		if (ready.status == http.StatusOK) != (reason == "") || !strings.Contains(string(ready.body), reason) {
			t.Errorf("%s: %d %s", secret, ready.status, ready.body)
		}
		if reason == "" {
			continue
		}
		got := kos.do(http.MethodGet, "/api/kos/products", "", "")
		if code := got.kos(t, nil); got.status != http.StatusServiceUnavailable || code != "9503" {
			t.Errorf("%s: %d %s", secret, got.status, got.body)
		}
	}
}

// get sends a request outside the OpenAPI document.
func get(t *testing.T, kos *service, path string) answer {
	t.Helper()
	plain := *kos
	base := &http.Transport{}
	defer base.CloseIdleConnections()
	plain.http = &http.Client{Transport: base}
	return plain.do(http.MethodGet, path, "", "")
}

func TestNoPersonalDataInLogsAndMetrics(t *testing.T) {
	t.Parallel()
	w := newDaprWorld(t)
	kos := w.start()
	w.auth.register("01077775678", "CUST910")
	token := kos.token("bill-inquiry-service")
	kos.inquire(token, "01012345678", "202512")
	kos.inquire(token, "01077775678", "202512")
	kos.do(http.MethodPost, "/api/v1/kos/mock-datas", "", mockData("CUST910", "01077775678"))
	kos.change(token, newOrder("r-1", "5G-PREMIUM-001"))
	kos.setBillBehavior(`{"script":[{"status":503,"lineNumber":"01012345678"}]}`)
	kos.inquire(token, "01012345678", "202512")

	metrics := string(get(t, kos, "/actuator/prometheus").body)
	if want := `phonebill_kos_mock_calls_total{client="bill-inquiry-service",endpoint="bill-inquiry",outcome="done"} 1`; !strings.Contains(metrics, want) {
		t.Errorf("metrics lack %s", want)
	}
	log := kos.log.String()
	if !strings.Contains(log, `"result_code":"9503"`) {
		t.Errorf("log lacks the calls: %s", log)
	}
	for _, private := range []string{"12345678", "77775678", "99998888", "CUST001", "CUST910", clientSecret, token} {
		for where, text := range map[string]string{"log": log, "metrics": metrics} {
			if strings.Contains(text, private) {
				t.Errorf("%s contains %s", where, private)
			}
		}
	}
	kos.setBillBehavior(`{"script":[{"status":503,"lineNumber":"01012345678"}]}`)
	var stored string
	err := w.database.Pool.QueryRow(t.Context(), `
		SELECT (SELECT string_agg(c::text, ' ') FROM kos_call c) || (SELECT string_agg(s::text, ' ') FROM scripted_step s)`).Scan(&stored)
	if err != nil || strings.Contains(stored, "12345678") {
		t.Errorf("the database contains a line number: %s, %v", stored, err)
	}
}
