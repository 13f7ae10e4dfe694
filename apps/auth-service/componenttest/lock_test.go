package componenttest

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/phonebill/phonebill/apps/internal/expect"
)

// guesses sends n parallel logins with a wrong password and counts the answers by code. Each comes
// from its own address, to keep the throttle out of the way. The answers are not checked against
// the OpenAPI document, which would be slow for a thousand.
func guesses(s *system, userID string, n int, elsewhere ...*system) map[string]int {
	var (
		group   sync.WaitGroup
		mu      sync.Mutex
		answers = make(map[string]int)
		doors   = append([]*system{s}, elsewhere...)
	)
	for i := range n {
		group.Go(func() {
			door := doors[i%len(doors)].at(fmt.Sprintf("198.51.%d.%d", i/250, i%250))
			door.client = door.plain
			a := door.tryLogin(userID, "wrong password")
			mu.Lock()
			defer mu.Unlock()
			answers[a.code()]++
		})
	}
	group.Wait()
	return answers
}

func TestParallelGuessesAreLimitedToFive(t *testing.T) { //nolint:paralleltest // hashing takes the whole machine: other tests would exceed their deadlines
	s := start(t)
	other := s.replica()
	owner := s.login("user0001")
	before := s.hashed() + other.hashed()
	answers := guesses(s, "user0001", 1_000, other)
	if answers["AUTH_001"] != 4 || answers["AUTH_002"] != 1 ||
		answers["AUTH_001"]+answers["AUTH_002"]+answers["AUTH_003"]+answers["RATE_LIMITED"] != 1_000 {
		t.Errorf("answers were %v", answers)
	}
	expect.Equal(t, s.hashed()+other.hashed()-before, 5)
	s.tryLogin("user0001", password).want(t, http.StatusUnauthorized, "AUTH_003") // the right password during a lock-out
	other.tryLogin("user0001", password).want(t, http.StatusUnauthorized, "AUTH_003")

	// Sessions of the owner and of others are not affected.
	s.get("/api/v1/auth/verify", owner.text("access_token")).want(t, http.StatusOK, "")
	s.refresh(owner.text("refresh_token")).want(t, http.StatusOK, "")
	s.login("user0002")
}

// metric returns the value of a metric without labels.
func (s *system) metric(name string) (value float64) {
	s.t.Helper()
	s.actuator("/actuator/prometheus", func(resp *http.Response) {
		text, err := io.ReadAll(resp.Body)
		expect.NoError(s.t, err)
		for line := range strings.Lines(string(text)) {
			if rest, ok := strings.CutPrefix(line, name+" "); ok {
				value, err = strconv.ParseFloat(strings.TrimSpace(rest), 64)
				expect.NoError(s.t, err)
			}
		}
	})
	return value
}

// hashed returns the number of passwords the service has verified.
func (s *system) hashed() int {
	s.t.Helper()
	return int(s.metric("phonebill_auth_password_hash_seconds_count"))
}

func TestUnknownIDLocksLikeAnyOther(t *testing.T) {
	t.Parallel()
	s := start(t)
	known, unknown := guesses(s, "user0001", 12), guesses(s, "absent01", 12)
	expect.Equal(t, unknown["AUTH_001"]+unknown["AUTH_002"]*10, known["AUTH_001"]+known["AUTH_002"]*10)
	for _, id := range []string{"user0001", "absent01"} {
		s.tryLogin(id, password).want(t, http.StatusUnauthorized, "AUTH_003")
	}
}

func TestLockExpires(t *testing.T) {
	t.Parallel()
	s := start(t)
	guesses(s, "user0001", 12)
	_, err := s.database.Pool.Exec(t.Context(), "UPDATE login_attempt SET locked_until = now() - interval '1 second'")
	expect.NoError(t, err)
	s.login("user0001")
	var left int
	expect.NoError(t, s.database.Pool.QueryRow(t.Context(), "SELECT count(*) FROM login_attempt").Scan(&left))
	expect.Equal(t, left, 0)
}

func TestWrongCurrentPasswordLocks(t *testing.T) {
	t.Parallel()
	s := start(t)
	access := s.login("user0001").text("access_token")
	const path = "/api/v1/auth/change-password"
	guess := form{"currentPassword": "wrong password", "newPassword": "battery staple 2!"}
	for range 4 {
		s.post(path, access, guess).want(t, http.StatusBadRequest, "CURRENT_PASSWORD_WRONG")
	}
	s.post(path, access, guess).want(t, http.StatusUnauthorized, "AUTH_002")
	right := form{"currentPassword": password, "newPassword": "battery staple 2!"}
	s.post(path, access, right).want(t, http.StatusUnauthorized, "AUTH_003")
	s.tryLogin("user0001", password).want(t, http.StatusUnauthorized, "AUTH_003")
	s.get("/api/v1/auth/verify", access).want(t, http.StatusOK, "")
}

func TestFailuresExhaustTheBudgetOfAnAddress(t *testing.T) {
	t.Parallel()
	s := start(t, "THROTTLE_LOGIN=8/10m", "THROTTLE_LOGIN_USER=6/10m")
	here, there := s.at("203.0.113.1"), s.at("203.0.113.2")
	here.login("user0001")
	for i := range 8 {
		here.tryLogin(fmt.Sprintf("absent%d", i), "wrong password").want(t, http.StatusUnauthorized, "AUTH_001")
	}
	limited := here.tryLogin("user0002", password)
	limited.want(t, http.StatusTooManyRequests, "RATE_LIMITED")
	if seconds, err := strconv.Atoi(limited.header.Get("Retry-After")); err != nil || seconds < 1 || seconds > 150 { // the budget refills by one every 75 s
		t.Errorf("Retry-After is %q", limited.header.Get("Retry-After"))
	}
	here.login("user0001") // who has logged in from there before
	there.login("user0002")
}

func TestLoginFloodIsRefusedAtOnce(t *testing.T) { //nolint:paralleltest // hashing takes the whole machine: other tests would exceed their deadlines
	// Hashing is slow enough for the logins to pile up.
	s := start(t, "PASSWORD_MEMORY_KIB=8192", "PASSWORD_ITERATIONS=8", "PASSWORD_CONCURRENCY=1", "PASSWORD_QUEUE=4", "PASSWORD_MAX_WAIT=20s")
	var (
		group   sync.WaitGroup
		mu      sync.Mutex
		answers = make(map[string]int)
	)
	for i := range 200 {
		group.Go(func() {
			a := s.at(fmt.Sprintf("198.51.100.%d", i)).tryLogin(fmt.Sprintf("absent%d", i), "wrong password")
			if a.status == http.StatusTooManyRequests && a.header.Get("Retry-After") == "" {
				t.Error("a refusal lacks Retry-After")
			}
			mu.Lock()
			defer mu.Unlock()
			answers[a.code()]++
		})
	}
	group.Wait()
	if answers["AUTH_001"] < 5 || answers["RATE_LIMITED"] < 100 || len(answers) != 2 {
		t.Errorf("answers were %v", answers)
	}
	var counted int
	expect.NoError(t, s.database.Pool.QueryRow(t.Context(), "SELECT coalesce(sum(failures), 0) FROM login_attempt").Scan(&counted))
	expect.Equal(t, counted, answers["AUTH_001"]) // a refusal without verification is not counted
	if s.metric("phonebill_auth_password_refused_total") == 0 {
		t.Error("the metric counts no refusal")
	}
}

func TestOutdatedHashIsRenewedAtLogin(t *testing.T) {
	t.Parallel()
	s := start(t, "PASSWORD_ITERATIONS=2")
	var before, after string
	read := func(hash *string) {
		expect.NoError(t, s.database.Pool.QueryRow(t.Context(), "SELECT password_hash FROM credential WHERE user_id = 'user0001'").Scan(hash))
	}
	read(&before)
	s.login("user0001")
	read(&after)
	if want := "$argon2id$v=19$m=64,t=2,p=1$"; before[:len(want)] == want || after[:len(want)] != want {
		t.Errorf("the hash was %s and is %s", before, after)
	}
	s.login("user0001")
}
