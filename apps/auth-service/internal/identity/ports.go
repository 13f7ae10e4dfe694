package identity

import (
	"context"
	"time"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// Ids of users that come from outside are found in any case, for they are unique
// without regard to it. Those that were registered before they had to be, and
// differ in nothing but case, are each found by the exact spelling only. What is
// returned has the id as it was registered, and so have sessions and attempts.

// Every method below may also return ErrDatabase or ErrSessionStore (for what
// it is kept in), or the error of a context that ended.

// Users keeps users. Implementations are safe for concurrent use, like those
// of all interfaces here.
type Users interface {
	Registry

	// User returns ErrUserNotFound if there is none of that id.
	User(ctx context.Context, id string) (User, error)
	// Registered reports whether the line belongs to the customer's account.
	Registered(ctx context.Context, customerID string, line msisdn.Number) (bool, error)
}

// Registry takes new users.
type Registry interface {
	// Available returns ErrUserIDTaken, ErrCustomerTaken or, with the least
	// weight, ErrLineTaken if one of u's belongs to another account. A line belongs
	// to its present customer's account alone, see CreateHolder.
	Available(ctx context.Context, u User) error
	// Create stores a new user. It returns the errors of Available.
	Create(ctx context.Context, a Account) error
	// CreateHolder is Create for the customer that the carrier names as the line's
	// present one. Another customer's account that has the line keeps it as a moved
	// line, which no longer belongs to it. The move is audited, in one transaction
	// with the new user.
	CreateHolder(ctx context.Context, a Account) error
}

// Credentials keeps what users prove themselves with.
type Credentials interface {
	// Account returns ErrUserNotFound if there is none of that id.
	Account(ctx context.Context, id string) (Account, error)
	// ReplacePassword changes the hash from c.From to c.To and forgets all
	// sessions of the user but c.Keep. Before that takes effect it calls end
	// with their ids; if end fails, nothing has changed. It returns
	// ErrCurrentPassword if the hash is not c.From any more.
	ReplacePassword(ctx context.Context, c PasswordChange, end func(ctx context.Context, ids []string) error) error
	// RenewHash replaces the hash from of a password by another one of the same
	// password, and tells whether it did: not if the hash is not from any more.
	RenewHash(ctx context.Context, userID, from, to string) (bool, error)
}

// Attempts counts failures in a row by the id that was claimed, whether or not
// somebody has it. All replicas count together.
type Attempts interface {
	// Take counts an attempt as a failure, for the time being, and returns how
	// many there are now. The one that makes MaxFailures locks the id. It
	// returns ErrLocked, and counts nothing, if the id is locked.
	Take(ctx context.Context, id string) (int, error)
	// Reset forgets all failures; it also unlocks.
	Reset(ctx context.Context, id string) error
}

// LoginHistory remembers logins.
type LoginHistory interface {
	// AppendLogin hands over an entry. It waits for the database for a moment
	// only; later the entry is written in the background.
	AppendLogin(ctx context.Context, l Login)
	// Logins returns a page of a user's entries. Entries that are nobody's are
	// in no page.
	Logins(ctx context.Context, userID string, page, size int) (LoginPage, error)
}

// PasswordChange replaces one password hash by another.
type PasswordChange struct {
	UserID, From, To string
	Keep             string // the session in which it was asked for
}

// SessionIndex remembers which sessions each user has. Whether a session is
// alive is for the SessionStore to say.
type SessionIndex interface {
	// Open adds a session, to be forgotten at until. It returns ErrCredentials
	// if the user's password hash is not passwordHash any more or the user is
	// not active, and ErrAccountChanged if the user may do other things than the
	// session by now.
	Open(ctx context.Context, s Session, passwordHash string, until time.Time) error
	// Extend moves the end of a session to until and returns its user as of
	// now, or ErrUserNotFound if the session or the user is not known any more.
	Extend(ctx context.Context, id string, until time.Time) (User, error)
	// Close removes a session.
	Close(ctx context.Context, id string) error
	// Sessions returns what it knows of the newest MaxOwnSessions sessions of a
	// user: their ids and origins.
	Sessions(ctx context.Context, userID string) ([]Session, error)
}

// SessionStore keeps live sessions, for all services to see.
type SessionStore interface {
	// Create stores a new session.
	Create(ctx context.Context, s Session) error
	// Get returns a live session and its version, or ErrNoSession.
	Get(ctx context.Context, id string) (s Session, version string, err error)
	// Update replaces a session that is still at version, or returns
	// ErrSessionChanged.
	Update(ctx context.Context, s Session, version string) error
	// End ends a session. One that has ended is no error.
	End(ctx context.Context, id string) error
}

// Passwords hashes passwords. All methods that return an error return a
// TooManyRequests problem when there is too much to do.
type Passwords interface {
	// Admit tells whether there is room for more work at this moment, before
	// anything else is done for it.
	Admit() error
	// Hash returns the hash of a password, in NFC.
	Hash(ctx context.Context, password string) (string, error)
	// Verify reports whether hash is that of the password, and if so whether it
	// is not one as Hash makes it now. With an empty hash, nobody's, it is false
	// after the same work. It calls begin when there is nothing left to wait for;
	// if that fails, it returns that error and has not looked.
	Verify(ctx context.Context, password, hash string, begin func(context.Context) error) (right, outdated bool, err error)
}

// Tokens signs and reads tokens. Both methods may return an Unavailable problem
// when there is no key.
type Tokens interface {
	// Issue signs a pair for u in s; its refresh token has the id s.RefreshID.
	Issue(ctx context.Context, u User, s Session) (TokenPair, error)
	// ReadRefresh returns ErrRefreshToken for whatever is no valid refresh token.
	ReadRefresh(ctx context.Context, text string) (RefreshToken, error)
}

// Carrier is KOS, which knows whose the lines are.
type Carrier interface {
	// Customer returns the id of the customer whose line it is, or "" if the
	// carrier does not tell, and whether it knows the line at all. It returns
	// an Unavailable problem if the carrier cannot be asked.
	Customer(ctx context.Context, line msisdn.Number) (id string, known bool, err error)
}

// Recorder counts what happens, for those who run the service.
type Recorder interface {
	Login(Outcome)
	Refresh(Outcome)
	SessionStarted()
	SessionsEnded(reason EndReason, count int)
}

// Outcome is how a login or a refresh went.
type Outcome string

// The outcomes.
const (
	OutcomeSuccess  Outcome = "success"
	OutcomeRejected Outcome = "rejected" // wrong credentials, no valid token
	OutcomeReused   Outcome = "reused"   // a refresh token that was used before
	OutcomeLocked   Outcome = "locked"   // the id is locked, or is now
	OutcomeExpired  Outcome = "expired"  // the session has lasted as long as it may
	OutcomeBusy     Outcome = "busy"     // more than is worked on at once
	OutcomeError    Outcome = "error"    // through no fault of the caller
)

// EndReason is why a session ended before its time.
type EndReason string

// The reasons.
const (
	EndLogout         EndReason = "logout"
	EndPasswordChange EndReason = "password_change"
	EndTokenReuse     EndReason = "token_reuse"
	EndUserGone       EndReason = "user_gone" // removed or suspended, found out at a refresh
	EndSuspended      EndReason = "suspended"
	EndExpired        EndReason = "expired" // it has lasted as long as it may
	EndByUser         EndReason = "by_user" // in another session
)
