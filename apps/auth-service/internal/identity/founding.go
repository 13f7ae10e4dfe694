package identity

import (
	"context"
	"time"
)

// Founder keeps the administrators that are there before anybody could appoint
// one.
type Founder interface {
	// Found stores a new account and puts that on record, both or neither. It
	// returns ErrUserIDTaken if there is one of that id, which stays as it is.
	Found(ctx context.Context, a Account, now time.Time) error
}

// FoundAdministrator creates the account of an administrator: the first one has
// nobody who could grant him anything. It returns ErrValidation, ErrUserIDTaken
// or ErrDatabase.
func FoundAdministrator(ctx context.Context, founder Founder, passwords Passwords, in LoginRequest, now time.Time) error {
	if err := in.validateNew(); err != nil {
		return err
	}
	hash, err := passwords.Hash(ctx, in.Password)
	if err != nil {
		return err
	}
	return founder.Found(ctx, Account{
		User: User{
			ID: in.UserID, Name: "관리자", Status: StatusActive, Permissions: []string{PermissionAdmin},
		},
		PasswordHash: hash,
	}, now)
}
