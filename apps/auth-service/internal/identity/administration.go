package identity

import (
	"context"
	"errors"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/phonebill/phonebill/apps/internal/audit"
)

// Action is the kind of an administrative act.
type Action string

// The actions.
const (
	ActionGrant     Action = "PERMISSION_GRANT"
	ActionRevoke    Action = "PERMISSION_REVOKE"
	ActionSuspend   Action = "USER_SUSPEND"
	ActionReinstate Action = "USER_REINSTATE"
	ActionUnlock    Action = "USER_UNLOCK"
)

// Act is one administrative act.
type Act struct {
	By         Caller
	Action     Action
	UserID     string // the user acted on
	Permission string // of a grant or revocation
}

// UserState is the state of a user that an act is applied to.
type UserState struct {
	User     User
	Sessions []string // ids of the sessions that may be live
	// LastAdministrator is true if no other active user has ADMIN.
	LastAdministrator bool
}

// Administration are the use cases of administrators. It is safe for concurrent use. Its methods do
// not check that the caller is an administrator.
type Administration struct {
	directory Directory
	trail     Trail
	sessions  LiveSessions
	recorder  Recorder
	now       func() time.Time
}

// NewAdministration returns the use cases.
func NewAdministration(directory Directory, trail Trail, sessions LiveSessions, recorder Recorder, now func() time.Time) *Administration {
	return &Administration{directory: directory, trail: trail, sessions: sessions, recorder: recorder, now: now}
}

// Users returns a page of users. It returns ErrValidation or ErrDatabase.
func (a *Administration) Users(ctx context.Context, filter UserFilter) (UserPage, error) {
	if err := filter.validate(); err != nil {
		return UserPage{}, err
	}
	return a.directory.Members(ctx, filter, a.now())
}

// Events returns a part of the audit trail, newest events first. It returns ErrDatabase.
func (a *Administration) Events(ctx context.Context, filter audit.Filter) ([]audit.Event, error) {
	for _, id := range []*string{&filter.Actor, &filter.Target} {
		if err := a.resolveID(ctx, id); err != nil {
			return nil, err
		}
	}
	return a.trail.Events(ctx, filter)
}

// resolveID replaces an id by its registered spelling, which the audit trail uses. It leaves an
// unknown id as it is.
func (a *Administration) resolveID(ctx context.Context, id *string) error {
	member, err := a.User(ctx, *id)
	if errors.Is(err, ErrUserNotFound) {
		return nil
	}
	if err == nil {
		*id = member.ID
	}
	return err
}

// User returns the user with the id. It returns ErrUserNotFound or ErrDatabase.
func (a *Administration) User(ctx context.Context, id string) (Member, error) {
	if !idPattern.MatchString(id) {
		return Member{}, ErrUserNotFound
	}
	return a.directory.Member(ctx, id, a.now())
}

// Perform carries out an act and returns the resulting user. All services enforce it within 5 s
// after Perform returns. If Perform fails, some sessions may already have lost the revoked
// permission or have ended.
// An act that changes nothing is audited too.
//
// It returns ErrValidation, ErrUserNotFound, ErrOwnAccount, ErrLastAdministrator,
// ErrPermissionUnfit or an Unavailable problem.
func (a *Administration) Perform(ctx context.Context, act Act) (Member, error) {
	if err := act.validate(); err != nil {
		return Member{}, err
	}
	user, err := a.directory.UpdateUser(ctx, act, a.now(), func(ctx context.Context, s UserState) (User, error) {
		after, err := act.apply(s)
		if err != nil || !act.restricts() {
			return after, err
		}
		// A restriction is enforced before it is stored, so that a stored one is always in force.
		return after, a.enforce(ctx, after, s.Sessions)
	})
	if err != nil || act.Action != ActionGrant {
		return user, err
	}
	// A grant is enforced after it is stored, so that no session has a permission that is not
	// stored.
	return user, a.directory.WithUserLock(ctx, act.UserID, func(ctx context.Context, s UserState) error {
		return a.enforce(ctx, s.User, s.Sessions)
	})
}

// restricts reports whether the act revokes rights of the user.
func (act Act) restricts() bool { return act.Action == ActionRevoke || act.Action == ActionSuspend }

// apply returns the user after the act, or the error that forbids it.
func (act Act) apply(s UserState) (User, error) {
	after := s.User
	switch act.Action {
	case ActionGrant:
		return after.with(act.Permission)
	case ActionRevoke:
		after = after.without(act.Permission)
	case ActionSuspend:
		after.Status = StatusSuspended
	case ActionReinstate:
		after.Status = StatusActive
	case ActionUnlock: // failed attempts are not part of a user
	}
	if !s.User.administers() || after.administers() {
		return after, nil
	}
	switch {
	case s.User.ID == act.By.UserID:
		return User{}, ErrOwnAccount
	case s.LastAdministrator:
		return User{}, ErrLastAdministrator
	}
	return after, nil
}

// administers reports whether the user is an active administrator.
func (u User) administers() bool {
	return u.Status == StatusActive && slices.Contains(u.Permissions, PermissionAdmin)
}

// with returns u with a permission added. Customers cannot have ADMIN, and administrators have only ADMIN.
func (u User) with(permission string) (User, error) {
	if (permission == PermissionAdmin) != (u.Line == "") {
		return User{}, ErrPermissionUnfit
	}
	if !slices.Contains(u.Permissions, permission) {
		u.Permissions = slices.Sorted(slices.Values(append(slices.Clone(u.Permissions), permission)))
	}
	return u, nil
}

func (u User) without(permission string) User {
	u.Permissions = slices.DeleteFunc(slices.Clone(u.Permissions), func(p string) bool { return p == permission })
	return u
}

// enforceConcurrency is the number of sessions that are updated in parallel.
const enforceConcurrency = 8

// enforce applies the permissions of u to its sessions.
func (a *Administration) enforce(ctx context.Context, u User, sessions []string) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(enforceConcurrency)
	for _, id := range sessions {
		group.Go(func() error {
			if u.Status != StatusActive {
				return a.sessions.End(ctx, id)
			}
			err := a.sessions.Permit(ctx, id, u.Permissions)
			if errors.Is(err, ErrNoSession) {
				return nil
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if u.Status != StatusActive {
		a.recorder.SessionsEnded(EndSuspended, len(sessions))
	}
	return nil
}
