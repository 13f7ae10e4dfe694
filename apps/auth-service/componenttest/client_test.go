package componenttest

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
	"github.com/phonebill/phonebill/apps/auth-service/internal/postgres"
	"github.com/phonebill/phonebill/apps/internal/expect"
	"github.com/phonebill/phonebill/apps/internal/sealtest"
)

// answer is a response.
type answer struct {
	status int
	header http.Header
	body   map[string]any
}

// text returns a text member of the body.
func (a answer) text(name string) string {
	text, _ := a.body[name].(string)
	return text
}

// code returns the error code of a failure.
func (a answer) code() string {
	failure, _ := a.body["error"].(map[string]any)
	code, _ := failure["code"].(string)
	return code
}

// want checks the status and the error code, "" for none.
func (a answer) want(t *testing.T, status int, code string) {
	t.Helper()
	if a.status != status || a.code() != code {
		t.Errorf("got %d %s, want %d %s: %v", a.status, a.code(), status, code, a.body)
	}
}

// wantRetryLater checks for a 503 with Retry-After.
func (a answer) wantRetryLater(t *testing.T, code string) {
	t.Helper()
	a.want(t, http.StatusServiceUnavailable, code)
	if seconds, err := strconv.Atoi(a.header.Get("Retry-After")); err != nil || seconds < 1 {
		t.Errorf("Retry-After is %q", a.header.Get("Retry-After"))
	}
}

// call sends in as JSON, if any, with the access token, if any.
func (s *system) call(method, path, access string, in any) answer {
	s.t.Helper()
	body := strings.NewReader("")
	if in != nil {
		text, err := json.Marshal(in)
		expect.NoError(s.t, err)
		body = strings.NewReader(string(text))
	}
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, body)
	expect.NoError(s.t, err)
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if access != "" {
		req.Header.Set("Authorization", "Bearer "+access)
	}
	if s.from != "" {
		req.Header.Set("X-Forwarded-For", s.from)
	}
	resp, err := s.client.Do(req)
	expect.NoError(s.t, err)
	defer func() { _ = resp.Body.Close() }()
	a := answer{status: resp.StatusCode, header: resp.Header}
	expect.NoError(s.t, json.NewDecoder(resp.Body).Decode(&a.body))
	return a
}

func (s *system) get(path, access string) answer {
	s.t.Helper()
	return s.call(http.MethodGet, path, access, nil)
}

func (s *system) post(path, access string, in any) answer {
	s.t.Helper()
	return s.call(http.MethodPost, path, access, in)
}

// form is a JSON object of a request.
type form map[string]any

const password = "correct horse 1!"

// addUsers inserts users into the database, bypassing registration.
func (s *system) addUsers() {
	s.t.Helper()
	hash, err := argon2id.CreateHash(password, &argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32})
	expect.NoError(s.t, err)
	store := postgres.NewStore(s.database.Pool, sealtest.NewStore(s.keyset).Keyring(), time.Now)
	for _, user := range []identity.User{
		{ID: "user0001", CustomerID: "CUST01", Line: "01077770001", Permissions: []string{"BILL_INQUIRY", "PRODUCT_CHANGE"}},
		{ID: "user0002", CustomerID: "CUST02", Line: "01077770002", Permissions: []string{"BILL_INQUIRY"}},
		{ID: "root0001", Permissions: []string{"ADMIN"}},
	} {
		user.Name, user.Status = "이름 "+user.ID, identity.StatusActive
		expect.NoError(s.t, store.Create(s.t.Context(), identity.Account{User: user, PasswordHash: hash}))
	}
}

// at returns a client of the same system with another source address.
func (s *system) at(address string) *system {
	elsewhere := *s
	elsewhere.from = address
	return &elsewhere
}

// tryLogin sends a login.
func (s *system) tryLogin(userID, password string) answer {
	s.t.Helper()
	return s.post("/api/v1/auth/login", "", form{"userId": userID, "password": password})
}

// login returns the tokens of a registered user.
func (s *system) login(userID string) answer {
	s.t.Helper()
	a := s.post("/api/v1/auth/login", "", form{"userId": userID, "password": password})
	a.want(s.t, http.StatusOK, "")
	return a
}

func (s *system) refresh(token string) answer {
	s.t.Helper()
	return s.post("/api/v1/auth/refresh", "", form{"refreshToken": token})
}
