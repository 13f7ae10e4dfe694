package componenttest

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/phonebill/phonebill/apps/internal/jwtauth"
	"github.com/phonebill/phonebill/apps/internal/kos/kostest"
	"github.com/phonebill/phonebill/apps/internal/session"
	"github.com/phonebill/phonebill/apps/product-change-service/api"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
	"github.com/phonebill/phonebill/dev/openapitest"
)

// Test lines of the mock, by plan.
const (
	premiumLine  = "01012345678"
	standardLine = "01087654321"
	suspended    = "01000000000"

	premium  = "5G-PREMIUM-001"
	standard = "5G-STANDARD-001"
	basic    = "LTE-BASIC-001"
)

// customer is a user with a session and a token, who calls one replica.
type customer struct {
	t     *testing.T
	r     *replica
	line  string
	token string
	http  *http.Client
}

// login begins a session of a user who owns line.
func (w *world) login(line string) *customer {
	w.t.Helper()
	principal := jwtauth.Principal{
		UserID: "user-of-" + line, CustomerID: kostest.CustomerOf(line), SessionID: "session-of-" + line,
		Lines: []string{line}, Permissions: []string{product.Permission},
	}
	store := session.NewStore(w.replicas[0].dapr.Client().State("session-store"))
	err := store.Create(w.t.Context(), principal.SessionID, session.Record{
		UserID: principal.UserID, Lines: principal.Lines, Permissions: principal.Permissions,
		Idle: time.Hour, TouchedAt: time.Now(),
	})
	if err != nil && !errors.Is(err, session.ErrConflict) { // the sidecar may have written it twice
		w.t.Fatal(err)
	}
	transport := openapitest.Load(w.t, api.OpenAPI).Transport(http.DefaultTransport)
	return &customer{t: w.t, r: w.replicas[0], line: line, token: w.issuer.Token(w.t, principal), http: &http.Client{Transport: transport}}
}

// anyCustomer begins a session of a customer whom no other test uses, and returns the current
// plan and another one.
func (w *world) anyCustomer() (c *customer, current, other string) {
	w.t.Helper()
	for {
		c = w.login(fmt.Sprintf("0103%07d", rand.IntN(1_000_000)))
		offers, _ := c.do(http.MethodGet, "/api/v1/products/available", "").data["products"].([]any)
		// A discontinued plan could not be changed back.
		if current = c.plan(); len(offers) > 0 && !strings.Contains(current, "OLD") {
			other, _ = offers[0].(map[string]any)["productCode"].(string)
			return c, current, other
		}
	}
}

// at returns the same customer at another replica.
func (c *customer) at(r *replica) *customer {
	other := *c
	other.r = r
	return &other
}

// answer is a response of the API.
type answer struct {
	status int
	header http.Header
	code   string // of a failure
	data   map[string]any
}

// accepted reports whether a change was accepted.
func (a answer) accepted() bool { return a.status == http.StatusOK || a.status == http.StatusAccepted }

// text returns the response as a string, to compare responses.
func (a answer) text() string { return fmt.Sprint(a.status, a.code, a.data) }

// change orders another plan. Headers are names and values.
func (c *customer) change(current, target string, headers ...string) answer {
	c.t.Helper()
	return c.do(http.MethodPost, "/api/v1/products/change",
		fmt.Sprintf(`{"lineNumber":%q,"currentProductCode":%q,"targetProductCode":%q}`, c.line, current, target), headers...)
}

// plan returns the code of the plan that the service shows.
func (c *customer) plan() string {
	c.t.Helper()
	got := c.do(http.MethodGet, "/api/v1/products/customer", "")
	current, _ := got.data["currentProduct"].(map[string]any)
	code, _ := current["productCode"].(string)
	return code
}

func (c *customer) result(requestID any) answer {
	c.t.Helper()
	return c.do(http.MethodGet, fmt.Sprintf("/api/v1/products/change/%v", requestID), "")
}

// final waits until a change is final and returns it.
func (c *customer) final(requestID any) answer {
	c.t.Helper()
	var got answer
	c.r.w.eventually("the change is final", func() bool {
		got = c.result(requestID)
		return got.data["processStatus"] == "COMPLETED" || got.data["processStatus"] == "FAILED"
	})
	return got
}

func (c *customer) do(method, path, body string, headers ...string) answer {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.r.url(path), strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := c.http.Do(req)
	if err != nil {
		c.t.Errorf("%s %s: %v", method, path, err)
		return answer{}
	}
	defer func() { _ = resp.Body.Close() }()
	var envelope struct {
		Data  map[string]any `json:"data"`
		Error struct {
			Code string `json:"code"`
		} `json:"error"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&envelope); err != nil {
		c.t.Errorf("%s %s: %v", method, path, err)
	}
	return answer{resp.StatusCode, resp.Header, envelope.Error.Code, envelope.Data}
}
