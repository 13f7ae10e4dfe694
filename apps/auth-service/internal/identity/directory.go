package identity

import (
	"context"
	"regexp"
	"slices"
	"time"

	"github.com/phonebill/phonebill/apps/internal/audit"
)

// Member is a user as administrators see it.
type Member struct {
	User
	// Locked is true during a lock-out: logins are refused, but sessions continue.
	Locked bool
}

// EffectiveStatus returns StatusLocked for an active user during a lock-out, otherwise the status
// of the user.
func (m Member) EffectiveStatus() Status {
	if m.Locked && m.Status == StatusActive {
		return StatusLocked
	}
	return m.Status
}

// UserFilter selects a page of users.
type UserFilter struct {
	// Query is a prefix of the user id, the customer id or the line number; "" matches all.
	Query string
	// Status "" matches all.
	Status Status
	Page   int // 1-based
	Size   int
}

// UserPage is a page of users, ordered by id.
type UserPage struct {
	Members []Member
	Total   int // matching users, at most MaxListed
}

// MaxListed is how many users can be paged through. To reach others, clients use a narrower query.
const MaxListed = 10_000

// queryPattern matches prefixes of ids and line numbers.
var queryPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{0,20}$`)

func (f UserFilter) validate() error {
	faults := fieldFaults{}
	if !queryPattern.MatchString(f.Query) {
		faults["query"] = "20자 이하의 영문자, 숫자, '_', '-'만 사용할 수 있습니다."
	}
	return faults.err()
}

func (act Act) validate() error {
	if !idPattern.MatchString(act.UserID) {
		return ErrUserNotFound
	}
	faults := fieldFaults{}
	codes := []string{PermissionAdmin, PermissionBillInquiry, PermissionProductChange}
	if act.Permission != "" && !slices.Contains(codes, act.Permission) {
		faults["code"] = "ADMIN, BILL_INQUIRY, PRODUCT_CHANGE 중 하나여야 합니다."
	}
	return faults.err()
}

// Directory stores users for administration, and an audit trail of the acts. Every method may
// return ErrDatabase.
type Directory interface {
	// Members returns the page that filter selects, with lock-outs as of now.
	Members(ctx context.Context, filter UserFilter, now time.Time) (UserPage, error)
	// Member returns the user with the id, or ErrUserNotFound.
	Member(ctx context.Context, id string, now time.Time) (Member, error)
	// UpdateUser calls update with the state of the user of act, and stores the result together with
	// the act in one transaction. A user who is no longer active loses all sessions, an unlocked
	// one all failed attempts. While update runs, no other update of the user runs and no
	// session of the user is opened or refreshed. It returns ErrUserNotFound or the error of update.
	UpdateUser(ctx context.Context, act Act, now time.Time, update func(ctx context.Context, s UserState) (User, error)) (Member, error)
	// WithUserLock calls f under the same locks as UpdateUser, without a change to the user.
	WithUserLock(ctx context.Context, userID string, f func(ctx context.Context, s UserState) error) error
}

// Trail reads the audit trail.
type Trail interface {
	// Events returns the events that filter selects, newest first.
	Events(ctx context.Context, filter audit.Filter) ([]audit.Event, error)
}

// LiveSessions changes live sessions. Both methods may return ErrSessionStore.
type LiveSessions interface {
	// Permit replaces the permissions of a live session and does not extend it. It returns
	// ErrNoSession if the session is not live.
	Permit(ctx context.Context, id string, permissions []string) error
	// End ends a session. It returns nil for one that has ended already.
	End(ctx context.Context, id string) error
}
