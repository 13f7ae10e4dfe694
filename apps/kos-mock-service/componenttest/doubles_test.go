package componenttest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// clock is a manual clock.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// buffer is a log that may be read while it is written.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// customerOfBrokenAuth is a customer for whom the fake auth service fails.
const customerOfBrokenAuth = "CUST503"

// authService is a fake of the auth service behind the sidecar.
type authService struct {
	mu         sync.Mutex
	registered map[string]string // customer by line
}

func (s *authService) register(line, customer string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.registered[line] = customer
}

func (s *authService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var in struct{ CustomerID, LineNumber string }
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || r.URL.Path != "/internal/registrations/check" || in.CustomerID == customerOfBrokenAuth {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	_, _ = fmt.Fprintf(w, `{"registered":%t}`, in.CustomerID != "" && s.registered[in.LineNumber] == in.CustomerID)
}
