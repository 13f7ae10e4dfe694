package registration_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/registration"
)

// authService is a fake that returns a fixed answer and records the request.
type authService struct {
	status int
	body   string
	fault  error

	path, asked string
}

func (s *authService) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	s.path, s.asked = r.Method+" "+r.URL.Path, string(body)
	if s.fault != nil {
		return nil, s.fault
	}
	w := httptest.NewRecorder()
	w.WriteHeader(s.status)
	_, _ = w.WriteString(s.body)
	return w.Result(), nil
}

func TestRegisteredReturnsTheAuthServicesAnswer(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]bool{`{"registered":true}`: true, `{"registered":false}`: false} {
		auth := &authService{status: http.StatusOK, body: body}
		got, err := registration.New(auth).Registered(t.Context(), "CUST900", "01077771234")
		if err != nil || got != want {
			t.Errorf("%s: %v, %v", body, got, err)
		}
		if auth.path != "POST /internal/registrations/check" || auth.asked != `{"customerId":"CUST900","lineNumber":"01077771234"}` {
			t.Errorf("asked %s %s", auth.path, auth.asked)
		}
	}
}

func TestRegisteredReturnsErrUnavailable(t *testing.T) {
	t.Parallel()
	for name, auth := range map[string]*authService{
		"away":       {fault: errors.New("unreachable")},
		"failing":    {status: http.StatusInternalServerError, body: `{"registered":true}`},
		"not JSON":   {status: http.StatusOK, body: `registered`},
		"silent":     {status: http.StatusOK, body: `{}`},
		"endless":    {status: http.StatusOK, body: `{"x":"` + strings.Repeat("x", 5000) + `","registered":true}`},
		"not a bool": {status: http.StatusOK, body: `{"registered":"yes"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := registration.New(auth).Registered(t.Context(), "CUST900", "01077771234")
			if !errors.Is(err, registration.ErrUnavailable) || got {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}
