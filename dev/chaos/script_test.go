package chaos

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/phonebill/phonebill/dev/internal/api"
)

const ourLine = "01030000001"

// reply is an answer of the fake API.
type reply struct {
	status int // 0: the connection is closed
	header map[string]string
	body   string
}

// failure is the body of a refusal.
func failure(code string) string { return fmt.Sprintf(`{"success":false,"error":{"code":%q}}`, code) }

// script answers calls with these replies in order, repeats the last one, and records the requests.
type script struct {
	mu      sync.Mutex
	replies []reply
	calls   []string // method, path, and the header Idempotency-Key or Prefer
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := s.replies[min(len(s.calls), len(s.replies)-1)]
	s.calls = append(s.calls, strings.TrimSpace(r.Method+" "+r.URL.Path+" "+r.Header.Get("Idempotency-Key")+r.Header.Get("Prefer")))
	if next.status == 0 {
		panic(http.ErrAbortHandler)
	}
	for name, value := range next.header {
		w.Header().Set(name, value)
	}
	w.WriteHeader(next.status)
	_, _ = io.WriteString(w, next.body)
}

func (s *script) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// visitor returns a client whose calls get these replies, and their script.
func visitor(t *testing.T, replies ...reply) (*client, *script) {
	t.Helper()
	s := &script{replies: replies}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return &client{
		api: api.New(server.URL, api.Timed(server.Client().Transport)), user: "user", line: ourLine, plan: "A", plans: []string{"B", "C"},
	}, s
}
