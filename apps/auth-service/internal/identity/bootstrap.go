package identity

import (
	"context"
	"time"
)

// AdministratorStore creates administrators outside the API.
type AdministratorStore interface {
	// CreateAdministrator stores a new account and its audit event in one transaction. It returns
	// ErrUserIDTaken if the id exists, and leaves that account unchanged.
	CreateAdministrator(ctx context.Context, a Account, now time.Time) error
}

// BootstrapAdministrator creates the account of an administrator without another administrator's
// grant. It returns ErrValidation, ErrUserIDTaken or ErrDatabase.
func BootstrapAdministrator(ctx context.Context, store AdministratorStore, passwords Passwords, in LoginRequest, now time.Time) error {
	if err := in.validateNew(); err != nil {
		return err
	}
	hash, err := passwords.Hash(ctx, "", in.Password)
	if err != nil {
		return err
	}
	return store.CreateAdministrator(ctx, Account{
		User: User{
			ID: in.UserID, Name: "관리자", Status: StatusActive, Permissions: []string{PermissionAdmin},
		},
		PasswordHash: hash,
	}, now)
}
