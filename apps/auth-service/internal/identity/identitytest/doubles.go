package identitytest

import (
	"context"
	"encoding/json"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/text/unicode/norm"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// Passwords is a fake that "hashes" by adding a prefix, after normalization to NFC like the real
// one, and counts its calls.
type Passwords struct {
	mu    sync.Mutex
	work  int
	fault error
	fine  int // calls left until fault is returned
	// Full, if set, is the error that Admit returns.
	Full error
	// OnVerify, if set, is called during verification.
	OnVerify func()
}

var _ identity.Passwords = (*Passwords)(nil)

// HashOf returns the hash that Hash returns.
func HashOf(password string) string { return "hash of " + password }

// OldHashOf returns an outdated hash of a password.
func OldHashOf(password string) string { return "old " + HashOf(password) }

// Admit implements identity.Passwords.
func (p *Passwords) Admit(string) error { return p.Full }

// Work returns the number of passwords hashed or verified.
func (p *Passwords) Work() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.work
}

// Fail makes all calls return err; nil ends that.
func (p *Passwords) Fail(err error) { p.FailAfter(0, err) }

// FailAfter makes all calls after the next n return err.
func (p *Passwords) FailAfter(n int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fine, p.fault = n, err
}

// Hash implements identity.Passwords.
func (p *Passwords) Hash(_ context.Context, _, password string) (string, error) {
	if err := p.nextFault(); err != nil {
		return "", err
	}
	p.worked()
	return HashOf(norm.NFC.String(password)), nil
}

// Verify implements identity.Passwords.
func (p *Passwords) Verify(ctx context.Context, _, typed, hash string, begin func(context.Context) error) (right, outdated bool, err error) {
	if err := p.nextFault(); err != nil {
		return false, false, err
	}
	if err := begin(ctx); err != nil {
		return false, false, err
	}
	p.worked()
	if p.OnVerify != nil {
		p.OnVerify()
	}
	password := norm.NFC.String(typed)
	plain, old := strings.CutPrefix(hash, "old ")
	if plain == HashOf(password) {
		return true, old, nil
	}
	if typed != password {
		p.worked()
	}
	right = plain == HashOf(typed)
	return right, right, nil
}

// nextFault counts a call and returns the fault once FailAfter's calls have passed.
func (p *Passwords) nextFault() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fine > 0 {
		p.fine--
		return nil
	}
	return p.fault
}

// worked counts a hash computation.
func (p *Passwords) worked() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.work++
}

// Address is a client address (TEST-NET-3).
var Address = netip.MustParseAddr("203.0.113.7")

// Tokens "signs" by encoding JSON.
type Tokens struct{ Fault error }

var _ identity.Tokens = (*Tokens)(nil)

// AccessTTL is the lifetime of the access tokens of Tokens.
const AccessTTL = 30 * time.Minute

// Issue implements identity.Tokens.
func (t *Tokens) Issue(_ context.Context, u identity.User, s identity.Session) (identity.TokenPair, error) {
	access, err := json.Marshal(map[string]any{"user": u.ID, "session": s.ID, "permissions": s.Permissions})
	if err != nil {
		return identity.TokenPair{}, err
	}
	refresh, err := json.Marshal(identity.RefreshToken{ID: s.RefreshID, SessionID: s.ID})
	if err != nil {
		return identity.TokenPair{}, err
	}
	return identity.TokenPair{Access: string(access), Refresh: string(refresh), ExpiresIn: AccessTTL}, t.Fault
}

// ReadRefresh implements identity.Tokens.
func (t *Tokens) ReadRefresh(_ context.Context, text string) (identity.RefreshToken, error) {
	var token identity.RefreshToken
	if json.Unmarshal([]byte(text), &token) != nil || token.ID == "" {
		return token, identity.ErrRefreshToken
	}
	return token, t.Fault
}

// Carrier knows the lines in Customers, each with its customer.
type Carrier struct {
	Customers map[msisdn.Number]string
	Fault     error
	Asked     int
}

var _ identity.Carrier = (*Carrier)(nil)

// Customer implements identity.Carrier.
func (c *Carrier) Customer(_ context.Context, line msisdn.Number) (id string, known bool, err error) {
	c.Asked++
	id, known = c.Customers[line]
	return id, known, c.Fault
}

// Recorder counts events by name.
type Recorder struct {
	mu     sync.Mutex
	counts map[string]int
}

var _ identity.Recorder = (*Recorder)(nil)

// Counts returns the counts by name, such as "login success", "refresh reused", "started" and
// "ended logout".
func (r *Recorder) Counts() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.counts
}

// Login implements identity.Recorder.
func (r *Recorder) Login(o identity.Outcome) { r.add("login "+string(o), 1) }

// Refresh implements identity.Recorder.
func (r *Recorder) Refresh(o identity.Outcome) { r.add("refresh "+string(o), 1) }

// SessionStarted implements identity.Recorder.
func (r *Recorder) SessionStarted() { r.add("started", 1) }

// SessionsEnded implements identity.Recorder.
func (r *Recorder) SessionsEnded(reason identity.EndReason, count int) {
	r.add("ended "+string(reason), count)
}

func (r *Recorder) add(name string, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.counts == nil {
		r.counts = make(map[string]int)
	}
	r.counts[name] += n
}
