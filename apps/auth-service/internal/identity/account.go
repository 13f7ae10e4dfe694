package identity

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"
)

// Caller is who asks.
type Caller struct {
	UserID, SessionID string
	Permissions       []string
	Address           string // of the client, for the trail
}

// User returns an account to its owner. Everybody else gets ErrForbidden,
// whether or not there is such an account; for administrators, see
// Administration.
func (a *Accounts) User(ctx context.Context, caller Caller, id string) (User, error) {
	if canonical(id) != canonical(caller.UserID) {
		return User{}, ErrForbidden
	}
	user, err := a.Users.User(ctx, id)
	if id != caller.UserID && (errors.Is(err, ErrUserNotFound) || err == nil && user.ID != caller.UserID) {
		return User{}, ErrForbidden // somebody whose id differs from the caller's in nothing but case
	}
	return user, err
}

// ChangePasswordRequest replaces the caller's password.
type ChangePasswordRequest struct {
	Current, New string
}

// ChangePassword replaces the caller's password and ends all other sessions of
// the caller: whoever else knows the old password is out. It returns
// ErrValidation, ErrCurrentPassword, ErrLocking, ErrLocked, or a TooManyRequests
// or Unavailable problem, and then the old password is still the one. A wrong
// password counts like one at a login: whoever finds a session open may not
// guess in it.
func (a *Accounts) ChangePassword(ctx context.Context, caller Caller, in ChangePasswordRequest) error {
	if err := in.validate(); err != nil {
		return err
	}
	account, err := a.Guard.prove(ctx, caller.UserID, in.Current)
	if errors.Is(err, ErrCredentials) {
		return ErrCurrentPassword
	}
	if err != nil {
		return err
	}
	hash, err := a.Passwords.Hash(ctx, in.New)
	if err != nil {
		return err
	}
	change := PasswordChange{UserID: caller.UserID, From: account.PasswordHash, To: hash, Keep: caller.SessionID}
	return a.Credentials.ReplacePassword(ctx, change, a.endSessions)
}

// endSessions ends sessions, a few at a time: there may be many.
func (a *Accounts) endSessions(ctx context.Context, ids []string) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for _, id := range ids {
		group.Go(func() error { return a.Sessions.End(ctx, id) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	a.Recorder.SessionsEnded(EndPasswordChange, len(ids))
	return nil
}
