package identity

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"
)

// Caller is the authenticated user of a request.
type Caller struct {
	UserID, SessionID string
	Permissions       []string
	Address           string // client address, for the audit trail
}

// User returns an account to its owner. For any other caller it returns ErrForbidden, whether or
// not the account exists; administrators use Administration.
func (a *Accounts) User(ctx context.Context, caller Caller, id string) (User, error) {
	if canonical(id) != canonical(caller.UserID) {
		return User{}, ErrForbidden
	}
	user, err := a.Users.User(ctx, id)
	if id != caller.UserID && (errors.Is(err, ErrUserNotFound) || err == nil && user.ID != caller.UserID) {
		return User{}, ErrForbidden // another user, whose id differs from the caller's only in case
	}
	return user, err
}

// ChangePasswordRequest is the request to replace the caller's password.
type ChangePasswordRequest struct {
	Current, New string
}

// ChangePassword replaces the caller's password and ends all other sessions of the caller, which
// locks out an attacker with the old password. It returns ErrValidation, ErrCurrentPassword,
// ErrLocking, ErrLocked, or a TooManyRequests or Unavailable problem, and leaves the old password
// in place then. A wrong password counts as a failed login, so that an open session cannot be used
// to guess it.
func (a *Accounts) ChangePassword(ctx context.Context, caller Caller, in ChangePasswordRequest) error {
	if err := in.validate(); err != nil {
		return err
	}
	account, err := a.Guard.authenticate(ctx, attempt{id: caller.UserID, password: in.Current, client: caller.SessionID})
	if errors.Is(err, ErrCredentials) {
		return ErrCurrentPassword
	}
	if err != nil {
		return err
	}
	hash, err := a.Passwords.Hash(ctx, caller.SessionID, in.New)
	if err != nil {
		return err
	}
	change := PasswordChange{UserID: caller.UserID, From: account.PasswordHash, To: hash, Keep: caller.SessionID}
	return a.Credentials.ReplacePassword(ctx, change, a.endSessions)
}

// endSessions ends sessions with bounded parallelism, because there may be many.
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
