package identity

import (
	"context"
	"regexp"
	"slices"
	"time"

	"github.com/phonebill/phonebill/apps/internal/audit"
)

// Member is a user as administrators see one.
type Member struct {
	User
	// Locked says that too many passwords were wrong: the user cannot log in
	// for a while, but sessions go on.
	Locked bool
}

// Standing returns what the account is: StatusLocked if that keeps its user from
// logging in, else the status of the user.
func (m Member) Standing() Status {
	if m.Locked && m.Status == StatusActive {
		return StatusLocked
	}
	return m.Status
}

// UserFilter chooses a page of users.
type UserFilter struct {
	// Query is how the id, the customer id or the line begins; "" is all.
	Query string
	// Status is "" for all.
	Status Status
	Page   int // from 1
	Size   int
}

// UserPage is a page of users, by id.
type UserPage struct {
	Members []Member
	Total   int // of the filter's users, up to MaxListed
}

// MaxListed is how many users may be paged through: whoever looks for one
// beyond asks more precisely.
const MaxListed = 10_000

// queryPattern is what ids and line numbers consist of.
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

// Directory keeps users for those who administer them, and a trail of what
// those did. Every method may return ErrDatabase.
type Directory interface {
	// Members returns the page that filter chooses; who is locked is said as of
	// now.
	Members(ctx context.Context, filter UserFilter, now time.Time) (UserPage, error)
	// Member returns ErrUserNotFound if there is none of that id.
	Member(ctx context.Context, id string, now time.Time) (Member, error)
	// Decide lets decide settle what becomes of the user that act is about, and
	// stores that together with the act, or neither; a user who is not active
	// any more has no sessions, one who is unlocked no failed attempts. As long
	// as decide runs nobody else decides about the user, and no session of the
	// user begins or is refreshed. It returns ErrUserNotFound or decide's error.
	Decide(ctx context.Context, act Act, now time.Time, decide func(ctx context.Context, s Standing) (User, error)) (Member, error)
	// Hold calls f as Decide calls decide, for a user of whom nothing changes.
	Hold(ctx context.Context, userID string, f func(ctx context.Context, s Standing) error) error
}

// Trail reads what is on record.
type Trail interface {
	// Events returns the events that filter chooses, the newest first.
	Events(ctx context.Context, filter audit.Filter) ([]audit.Event, error)
}

// LiveSessions are sessions that must do as they are told. Both methods may
// return ErrSessionStore.
type LiveSessions interface {
	// Permit replaces what a live session may do, and nothing else of it: it
	// does not live longer. It returns ErrNoSession if it does not live.
	Permit(ctx context.Context, id string, permissions []string) error
	// End ends a session. One that has ended is no error.
	End(ctx context.Context, id string) error
}
