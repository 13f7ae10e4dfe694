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

// Client is where a request comes from.
type Client struct {
	Address netip.Addr // the zero Addr if nobody knows
	Agent   string     // what the client calls itself, see NewClient
}

// maxAgent bounds what is kept of a client's name, in bytes.
const maxAgent = 200

// NewClient returns a Client whose agent is fit to be kept and shown: in NFC,
// short, and without what is not text.
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

// Equal reports whether both are the same.
func (c Client) Equal(other Client) bool { return c == other }

// Login is an entry of the login history.
type Login struct {
	ID      string
	At      time.Time
	UserID  string // "" if nobody has the id that was given
	Outcome LoginOutcome
	Client  Client
}

// LoginOutcome is how a login went, for its user to see.
type LoginOutcome string

// The outcomes of logins.
const (
	LoginSucceeded LoginOutcome = "SUCCESS"
	LoginFailed    LoginOutcome = "FAILED"  // wrong password
	LoginLocked    LoginOutcome = "LOCKED"  // wrong password, which locked the id
	LoginRefused   LoginOutcome = "REFUSED" // because the id was locked
)

// LoginPage is a part of a user's login history, newest first.
type LoginPage struct {
	Logins []Login
	Total  int // of the user, but at most MaxLoginDepth
}

// MaxLoginDepth is how many entries of a history may be paged through.
const MaxLoginDepth = 1_000

// record adds a login to the history, if its credentials were judged.
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

// Logins returns a page of the caller's logins, counted from 1. Page times size
// may not exceed MaxLoginDepth. It returns ErrDatabase.
func (s *Sessions) Logins(ctx context.Context, caller Caller, page, size int) (LoginPage, error) {
	return s.History.Logins(ctx, caller.UserID, page, size)
}
