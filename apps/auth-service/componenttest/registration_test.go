package componenttest

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/phonebill/phonebill/apps/auth-service/internal/app"
	"github.com/phonebill/phonebill/apps/internal/expect"
	"github.com/phonebill/phonebill/apps/internal/kos/kostest"
)

// customer returns a registration of a customer whose line KOS does not know.
func customer(changes form) form {
	in := form{
		"userId": "newuser01", "customerId": "NEW001", "lineNumber": "010-9000-0001",
		"userName": "새 고객", "password": password, "permissions": []string{"ADMIN"},
	}
	for name, value := range changes {
		in[name] = value
	}
	return in
}

func TestRegistration(t *testing.T) {
	t.Parallel()
	k := kostest.Start(t, app.Name)
	s := prepare(t, k.URL)
	s.serve()
	s.awaitReady()
	s.addUsers()
	const path = "/api/v1/auth/register"

	t.Run("line unknown to KOS", func(t *testing.T) {
		a := s.post(path, "", customer(nil))
		a.want(t, http.StatusCreated, "")
		expect.Equal(t, a.body, map[string]any{
			"user_id": "newuser01", "user_name": "새 고객", "customer_id": "NEW001", "line_number": "01090000001",
			"account_status": "ACTIVE", "permissions": []any{"BILL_INQUIRY", "PRODUCT_CHANGE"},
		})
		expect.Equal(t, s.login("newuser01").text("line_number"), "01090000001")
	})
	t.Run("taken names", func(t *testing.T) {
		for code, in := range map[string]form{
			"USER_ID_TAKEN":  {"userId": "user0001"},
			"CUSTOMER_TAKEN": {"userId": "newuser02", "customerId": "CUST01"},
			"LINE_TAKEN":     {"userId": "newuser02", "customerId": "NEW002", "lineNumber": "01077770001"},
		} {
			s.post(path, "", customer(in)).want(t, http.StatusConflict, code)
		}
	})
	t.Run("line known to KOS", func(t *testing.T) {
		stranger := customer(form{"userId": "thief", "customerId": "NEW003", "lineNumber": "01012345678"})
		s.post(path, "", stranger).want(t, http.StatusConflict, "LINE_TAKEN")
		suspended := customer(form{"userId": "thief", "customerId": "NEW003", "lineNumber": "010-0000-0000"})
		s.post(path, "", suspended).want(t, http.StatusConflict, "LINE_TAKEN")
		owner := customer(form{"userId": "owner", "customerId": "CUST001", "lineNumber": "01012345678"})
		s.post(path, "", owner).want(t, http.StatusCreated, "")
	})
	t.Run("KOS unavailable", func(t *testing.T) {
		late := customer(form{"userId": "late", "customerId": "NEW004", "lineNumber": "01090000004"})
		k.Behave("product-inquiry", map[string]any{"outageSeconds": 3600})
		s.post(path, "", late).wantRetryLater(t, "KOS_UNAVAILABLE")
		var there bool
		expect.NoError(t, s.database.Pool.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM app_user WHERE user_id = 'late')").Scan(&there))
		expect.Equal(t, there, false)
		s.post(path, "", customer(nil)).want(t, http.StatusConflict, "USER_ID_TAKEN") // is answered without KOS
	})
}

// newcomer returns a registration of a customer with a line of their own.
func newcomer(n int) form {
	return customer(form{
		"userId": fmt.Sprintf("newcomer%02d", n), "customerId": fmt.Sprintf("NEW%03d", n), "lineNumber": fmt.Sprintf("0109000%04d", n),
	})
}

func TestRegistrationRespectsTheKOSRateLimit(t *testing.T) {
	t.Parallel()
	const path = "/api/v1/auth/register"
	t.Run("configured limit", func(t *testing.T) {
		t.Parallel()
		k := kostest.Start(t, app.Name)
		s := prepare(t, k.URL)
		s.environ = append(s.environ, "KOS_PRODUCT_INQUIRY_PER_MINUTE=2") // a burst of one, one a minute
		s.serve()
		s.awaitReady()
		s.post(path, "", newcomer(1)).want(t, http.StatusCreated, "")
		start := time.Now()
		refused := s.post(path, "", newcomer(2))
		refused.wantRetryLater(t, "KOS_BUSY")
		if after, err := strconv.Atoi(refused.header.Get("Retry-After")); err != nil || after < 30 || after > 60 || time.Since(start) > 5*time.Second {
			t.Errorf("refused for %d s after %s", after, time.Since(start))
		}
		expect.Equal(t, k.Calls("product-inquiry"), 1)
	})
	t.Run("limit lowered by a 429 of KOS", func(t *testing.T) {
		t.Parallel()
		k := kostest.Start(t, app.Name)
		s := prepare(t, k.URL)
		s.serve()
		s.awaitReady()
		k.Behave("product-inquiry", map[string]any{"limitPerMinute": 1})
		s.post(path, "", newcomer(1)).want(t, http.StatusCreated, "")
		s.post(path, "", newcomer(2)).wantRetryLater(t, "KOS_BUSY")
		calls := k.Calls("product-inquiry")
		s.post(path, "", newcomer(3)).wantRetryLater(t, "KOS_BUSY")
		expect.Equal(t, k.Calls("product-inquiry"), calls) // no calls before KOS's Retry-After is over
		s.await(func() (shown bool) {
			s.actuator("/actuator/prometheus", func(resp *http.Response) {
				text, err := io.ReadAll(resp.Body)
				expect.NoError(t, err)
				shown = strings.Contains(string(text), `phonebill_kos_throttled_total{endpoint="product-inquiry"} 1`) &&
					strings.Contains(string(text), `phonebill_kos_budget_left_calls{endpoint="product-inquiry"} 0`)
			})
			return shown
		})
	})
	t.Run("budget table missing", func(t *testing.T) {
		t.Parallel()
		k := kostest.Start(t, app.Name)
		s := prepare(t, k.URL)
		s.serve()
		s.awaitReady()
		_, err := s.database.Pool.Exec(t.Context(), "ALTER TABLE kos_budget RENAME TO mislaid")
		expect.NoError(t, err)
		s.post(path, "", newcomer(1)).wantRetryLater(t, "DATABASE_UNAVAILABLE")
		expect.Equal(t, k.Calls("product-inquiry"), 0)
	})
}

func TestCheckRegistrationEndpoint(t *testing.T) {
	t.Parallel()
	s := start(t)
	const path = "/internal/registrations/check"
	for line, want := range map[string]bool{"010-7777-0001": true, "01077770001": true, "01077770002": false} {
		a := s.post(path, "", form{"customerId": "CUST01", "lineNumber": line})
		expect.Equal(t, a.body, map[string]any{"registered": want})
	}
	for _, customer := range []string{"C", strings.Repeat("C", 50)} {
		expect.Equal(t, s.post(path, "", form{"customerId": customer, "lineNumber": "01077770001"}).body, map[string]any{"registered": false})
	}
}
