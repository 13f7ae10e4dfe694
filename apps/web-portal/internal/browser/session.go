package browser

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/phonebill/phonebill/apps/web-portal/internal/upstream"
)

// ErrNone is returned for a browser without a session, or whose session has ended.
var ErrNone = errors.New("browser: no session")

// Session is the session of a browser.
type Session struct {
	Access string // the access token
	UserID string
	Line   string // empty for a user without a line
	// Permissions are for the choice of links only: the services check the token.
	Permissions []string
	// Stays reports whether the session outlives the browser.
	Stays bool
}

// May reports whether the customer has a permission.
func (s Session) May(permission string) bool { return slices.Contains(s.Permissions, permission) }

// Refresher exchanges refresh tokens. See upstream.Client.
type Refresher interface {
	Refresh(ctx context.Context, refreshToken string) (upstream.Tokens, error)
}

var _ Refresher = (*upstream.Client)(nil)

// Sessions keeps sessions in cookies and refreshes their tokens.
type Sessions struct {
	Cookies

	auth Refresher
	now  func() time.Time

	flights singleflight.Group
	mu      sync.Mutex
	recent  map[string]refreshed
}

// refreshed is the result of a refresh.
type refreshed struct {
	tokens upstream.Tokens
	at     time.Time
}

const (
	// lead is how long before its expiry an access token is refreshed.
	lead = time.Minute
	// grace is how long a refreshed token is remembered, for requests that the browser
	// sent before it had the new cookie. It is auth-service's SESSION_REFRESH_GRACE.
	grace = 5 * time.Second
)

// NewSessions returns the sessions.
func NewSessions(cookies Cookies, auth Refresher, now func() time.Time) *Sessions {
	return &Sessions{Cookies: cookies, auth: auth, now: now, recent: map[string]refreshed{}}
}

// Open stores the tokens of a new session.
func (s *Sessions) Open(w http.ResponseWriter, tokens upstream.Tokens, stays bool) {
	stay, age := "", time.Duration(0)
	if stays {
		stay, age = "1", stayAge
	}
	s.set(w, accessCookie, tokens.Access, age)
	s.set(w, refreshCookie, tokens.Refresh, age)
	s.set(w, stayCookie, stay, age)
}

// Close removes the session from the browser.
func (s *Sessions) Close(w http.ResponseWriter) {
	for _, name := range []string{accessCookie, refreshCookie, stayCookie} {
		s.set(w, name, "", 0)
	}
}

// Load returns the session of a request, with an access token that is valid for a
// while: it refreshes the tokens if necessary. It returns ErrNone if there is no session,
// and an *upstream.Failure if the tokens cannot be refreshed now.
func (s *Sessions) Load(w http.ResponseWriter, r *http.Request) (Session, error) {
	access, stays := s.get(r, accessCookie), s.get(r, stayCookie) != ""
	session, expiry, ok := parse(access)
	session.Stays = stays
	if ok && s.now().Before(expiry.Add(-lead)) {
		return session, nil
	}
	tokens, err := s.refresh(r.Context(), s.get(r, refreshCookie))
	switch {
	case err == nil:
		s.Open(w, tokens, stays)
		session, _, ok = parse(tokens.Access)
		session.Stays = stays
		if !ok {
			return Session{}, ErrNone
		}
		return session, nil
	case ok && s.now().Before(expiry) && !errors.Is(err, ErrNone):
		return session, nil // still valid: the next request tries again
	}
	if errors.Is(err, ErrNone) && access != "" {
		s.Close(w)
	}
	return Session{}, err
}

// refresh exchanges a refresh token, once for parallel requests.
func (s *Sessions) refresh(ctx context.Context, token string) (upstream.Tokens, error) {
	if token == "" {
		return upstream.Tokens{}, ErrNone
	}
	tokens, err, _ := s.flights.Do(token, func() (any, error) {
		if known, ok := s.known(token); ok {
			return known, nil
		}
		tokens, err := s.auth.Refresh(context.WithoutCancel(ctx), token)
		if err == nil {
			s.remember(token, tokens)
		}
		return tokens, err
	})
	if failure := (*upstream.Failure)(nil); errors.As(err, &failure) && !failure.Temporary() {
		return upstream.Tokens{}, ErrNone
	}
	fresh, _ := tokens.(upstream.Tokens)
	return fresh, err
}

func (s *Sessions) known(token string) (upstream.Tokens, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.recent[token]
	return found.tokens, ok && s.now().Sub(found.at) < grace
}

// remember stores the result of a refresh and drops old ones.
func (s *Sessions) remember(token string, tokens upstream.Tokens) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for old, result := range s.recent {
		if s.now().Sub(result.at) >= grace {
			delete(s.recent, old)
		}
	}
	s.recent[token] = refreshed{tokens, s.now()}
}

// parse reads the claims of an access token without verifying it: the services verify
// it on each call, and the browser holds no other session than its own.
func parse(token string) (Session, time.Time, bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return Session{}, time.Time{}, false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return Session{}, time.Time{}, false
	}
	var claims struct {
		Subject     string   `json:"sub"`
		Expiry      float64  `json:"exp"`
		Lines       []string `json:"lines"`
		Permissions []string `json:"permissions"`
	}
	if json.Unmarshal(payload, &claims) != nil || claims.Subject == "" {
		return Session{}, time.Time{}, false
	}
	session := Session{Access: token, UserID: claims.Subject, Permissions: claims.Permissions}
	if len(claims.Lines) > 0 {
		session.Line = claims.Lines[0]
	}
	return session, time.Unix(int64(claims.Expiry), 0), true
}
