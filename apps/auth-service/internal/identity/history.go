package identity

import (
	"context"
	"crypto/rand"
	"errors"
	"net/netip"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Client is the origin of a request.
type Client struct {
	Address netip.Addr // zero if unknown
	Agent   string     // the User-Agent, see NewClient
}

// maxAgent limits the stored User-Agent, in bytes.
const maxAgent = 200

// NewClient returns a Client whose agent is safe to store and show: in NFC, truncated to maxAgent,
// without characters that are not text.
func NewClient(address netip.Addr, agent string) Client {
	agent = norm.NFC.String(agent)
	agent = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, agent[:min(len(agent), maxAgent)])
	return Client{Address: address, Agent: agent}
}

// Equal reports whether c and other are the same.
func (c Client) Equal(other Client) bool { return c == other }

// Login is an entry of the login history.
type Login struct {
	ID      string
	At      time.Time
	UserID  string // "" if no user has the id
	Outcome LoginOutcome
	Client  Client
}

// LoginOutcome is the result of a login as its user sees it.
type LoginOutcome string

// The outcomes of logins.
const (
	LoginSucceeded LoginOutcome = "SUCCESS"
	LoginFailed    LoginOutcome = "FAILED"  // wrong password
	LoginLocked    LoginOutcome = "LOCKED"  // wrong password, and the id is locked now
	LoginRefused   LoginOutcome = "REFUSED" // the id was locked
)

// LoginPage is a page of a user's login history, newest first.
type LoginPage struct {
	Logins []Login
	Total  int // all entries of the user, at most MaxLoginDepth
}

// MaxLoginDepth is how many entries of a history can be paged through.
const MaxLoginDepth = 1_000

// record appends a login to the history if its credentials were verified.
func (s *Sessions) record(ctx context.Context, userID string, client Client, err error) {
	var outcome LoginOutcome
	switch {
	case err == nil:
		outcome = LoginSucceeded
	case errors.Is(err, ErrCredentials):
		outcome = LoginFailed
	case errors.Is(err, ErrLocking):
		outcome = LoginLocked
	case errors.Is(err, ErrLocked):
		outcome = LoginRefused
	default:
		return
	}
	s.History.AppendLogin(ctx, Login{ID: rand.Text(), At: s.Now(), UserID: userID, Outcome: outcome, Client: client})
}

// Logins returns a page of the caller's logins; pages are 1-based. Page times size must not exceed
// MaxLoginDepth. It returns ErrDatabase.
func (s *Sessions) Logins(ctx context.Context, caller Caller, page, size int) (LoginPage, error) {
	return s.History.Logins(ctx, caller.UserID, page, size)
}
