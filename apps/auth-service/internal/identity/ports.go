package identity

import (
	"context"
	"time"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// User ids are unique regardless of case, and lookups ignore case. Older ids that differ only in
// case are found by their exact spelling. Returned values, sessions and attempts contain the
// registered spelling.

// Every method below may also return ErrDatabase or ErrSessionStore, depending on where the data is
// stored, or the error of an ended context.

// Users stores users. Implementations of it and of all interfaces below are safe for concurrent
// use.
type Users interface {
	Registry

	// User returns the user with the id, or ErrUserNotFound.
	User(ctx context.Context, id string) (User, error)
	// Registered reports whether the line belongs to the customer's account.
	Registered(ctx context.Context, customerID string, line msisdn.Number) (bool, error)
}

// Registry creates users.
type Registry interface {
	// Available returns ErrUserIDTaken, ErrCustomerTaken or ErrLineTaken, in this order of
	// precedence, if the id, the customer or the line of u is taken. A line belongs to the account
	// of its present customer only, see CreateHolder.
	Available(ctx context.Context, u User) error
	// Create stores a new user. It returns the errors of Available.
	Create(ctx context.Context, a Account) error
	// CreateHolder is Create for the present customer of a line, as confirmed by KOS. Another
	// customer's account with the line keeps it as a moved line, which no longer belongs to it. The
	// move is audited in the transaction that creates the user.
	CreateHolder(ctx context.Context, a Account) error
}

// Credentials stores password hashes.
type Credentials interface {
	// Account returns the account with the id, or ErrUserNotFound.
	Account(ctx context.Context, id string) (Account, error)
	// ReplacePassword changes the hash from c.From to c.To and removes all sessions of the user but
	// c.Keep from the index. Before the commit it calls end with their ids; if end fails, nothing
	// changes. It returns ErrCurrentPassword if the hash is no longer c.From.
	ReplacePassword(ctx context.Context, c PasswordChange, end func(ctx context.Context, ids []string) error) error
	// RenewHash replaces the hash from by another hash of the same password. It returns false if
	// the hash is no longer from.
	RenewHash(ctx context.Context, userID, from, to string) (bool, error)
}

// Attempts counts consecutive failures by the claimed id, whether or not a user has it. All
// replicas share the counts.
type Attempts interface {
	// CountAttempt counts an attempt as a failure before its password is verified, and returns the
	// number of failures. The attempt that reaches MaxFailures locks the id. It returns ErrLocked,
	// without counting, if the id is locked.
	CountAttempt(ctx context.Context, id string) (int, error)
	// Reset removes all failures, which also unlocks the id.
	Reset(ctx context.Context, id string) error
}

// LoginHistory stores logins.
type LoginHistory interface {
	// AppendLogin adds an entry. It waits for the database briefly; after that the entry is written
	// in the background.
	AppendLogin(ctx context.Context, l Login)
	// Logins returns a page of a user's entries. Entries without a user are on no page.
	Logins(ctx context.Context, userID string, page, size int) (LoginPage, error)
}

// PasswordChange replaces a password hash.
type PasswordChange struct {
	UserID, From, To string
	Keep             string // the session that requested the change
}

// SessionIndex stores which sessions each user has. Whether a session is live is decided by the
// SessionStore.
type SessionIndex interface {
	// Open adds a session that expires at until. It returns ErrCredentials if the user's password
	// hash is not passwordHash or the user is not active, and ErrAccountChanged if the user's
	// permissions differ from the session's.
	Open(ctx context.Context, s Session, passwordHash string, until time.Time) error
	// Extend moves the end of a session to until and returns its current user, or ErrUserNotFound
	// if the session or the user does not exist.
	Extend(ctx context.Context, id string, until time.Time) (User, error)
	// Close removes a session.
	Close(ctx context.Context, id string) error
	// Sessions returns ids and origins of the newest MaxOwnSessions sessions of a user.
	Sessions(ctx context.Context, userID string) ([]Session, error)
}

// SessionStore stores live sessions. All services read it.
type SessionStore interface {
	// Create stores a new session.
	Create(ctx context.Context, s Session) error
	// Get returns a live session and its version, or ErrNoSession.
	Get(ctx context.Context, id string) (s Session, version string, err error)
	// Update replaces a session that is still at version, or returns
	// ErrSessionChanged.
	Update(ctx context.Context, s Session, version string) error
	// End ends a session. It returns nil for one that has ended already.
	End(ctx context.Context, id string) error
}

// Passwords hashes passwords, in order of arrival. Every method returns a TooManyRequests problem
// under overload. A client that is refused keeps its place until it calls again in time with the
// same name; "" gets no place.
type Passwords interface {
	// Admit returns an error if there is no capacity now. Callers use it to fail before other work.
	Admit(client string) error
	// Hash returns the hash of a password, in NFC.
	Hash(ctx context.Context, client, password string) (string, error)
	// Verify reports whether password matches hash, and if so whether the hash is outdated. An
	// empty hash stands for an unknown user: Verify returns false after the same work. It calls
	// begin after all waiting and directly before the comparison, and returns begin's error without
	// comparing.
	Verify(ctx context.Context, client, password, hash string, begin func(context.Context) error) (right, outdated bool, err error)
}

// Tokens signs and reads tokens. Both methods may return an Unavailable problem when there is no
// key.
type Tokens interface {
	// Issue signs a token pair for u in s; the refresh token gets the id s.RefreshID.
	Issue(ctx context.Context, u User, s Session) (TokenPair, error)
	// ReadRefresh returns ErrRefreshToken for anything that is not a valid refresh token.
	ReadRefresh(ctx context.Context, text string) (RefreshToken, error)
}

// Carrier is KOS, which knows the customer of each line.
type Carrier interface {
	// Customer returns the id of the line's customer, or "" if KOS does not disclose it, and
	// whether the line exists. It returns an Unavailable problem if KOS cannot be reached.
	Customer(ctx context.Context, line msisdn.Number) (id string, known bool, err error)
}

// Recorder counts events for the metrics.
type Recorder interface {
	Login(Outcome)
	Refresh(Outcome)
	SessionStarted()
	SessionsEnded(reason EndReason, count int)
}

// Outcome is the result of a login or a refresh.
type Outcome string

// The outcomes.
const (
	OutcomeSuccess  Outcome = "success"
	OutcomeRejected Outcome = "rejected" // wrong credentials, invalid token
	OutcomeReused   Outcome = "reused"   // a refresh token that was used before
	OutcomeLocked   Outcome = "locked"   // the id is locked, or has become so
	OutcomeExpired  Outcome = "expired"  // the session reached its maximum lifetime
	OutcomeBusy     Outcome = "busy"     // over capacity
	OutcomeError    Outcome = "error"    // a failure that the caller did not cause
)

// EndReason is why a session ended before it expired.
type EndReason string

// The reasons.
const (
	EndLogout         EndReason = "logout"
	EndPasswordChange EndReason = "password_change"
	EndTokenReuse     EndReason = "token_reuse"
	EndUserGone       EndReason = "user_gone" // removed or suspended, detected at a refresh
	EndSuspended      EndReason = "suspended"
	EndExpired        EndReason = "expired" // reached its maximum lifetime
	EndByUser         EndReason = "by_user" // in another session
)
