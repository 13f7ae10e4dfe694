package identity

import (
	"context"
	"errors"
	"time"
)

// Product rule: MaxFailures failures in a row lock an id for a while.
const (
	MaxFailures = 5
	LockTime    = 30 * time.Minute
	// FailureLifetime is the time after the last failure at which the count is reset.
	FailureLifetime = 24 * time.Hour
)

// lockWait bounds how long an attempt waits for earlier attempts at the same id.
const lockWait = 3 * time.Second

// settleTime bounds the write of an attempt's outcome.
const settleTime = 5 * time.Second

// Guard verifies credentials. It allows MaxFailures guesses in a row at an id, however many are
// made in parallel and on however many replicas. It is safe for concurrent use.
type Guard struct {
	GuardParams
	locks keyedLock
}

// GuardParams are the dependencies of a Guard.
type GuardParams struct {
	Credentials Credentials
	Passwords   Passwords
	Attempts    Attempts
}

// NewGuard returns a Guard.
func NewGuard(params GuardParams) *Guard { return &Guard{GuardParams: params} }

// attempt are claimed credentials.
type attempt struct {
	id, password string
	// client is who attempts, see Passwords.
	client string
	// begin, if set, is called directly before the password is verified. Its error ends the attempt.
	begin func() error
}

// authenticate returns the account with the id if the password is right. Otherwise it returns
// ErrCredentials, ErrLocking for the failure that locks the id, ErrLocked, or a TooManyRequests or
// Unavailable problem; the returned account then carries only the id, for the login history, or ""
// if there is none. The work is the same whether or not the user exists.
//
// Attempts are counted by the registered id, and for an unknown id by its canonical spelling:
// another case is not another guess. Attempts at one id are serialized, so that parallel logins
// with the right password do not count as failures.
func (g *Guard) authenticate(ctx context.Context, in attempt) (Account, error) {
	if err := g.Passwords.Admit(in.client); err != nil {
		return Account{}, err
	}
	done, err := g.lock(ctx, canonical(in.id))
	if err != nil {
		return Account{}, err
	}
	defer done()
	account, err := g.Credentials.Account(ctx, in.id)
	if err != nil && !errors.Is(err, ErrUserNotFound) {
		return Account{}, err
	}
	key := account.ID // the registered spelling
	if key == "" {
		key = canonical(in.id)
	}
	outdated, err := g.verify(ctx, key, in, account)
	if err != nil {
		return Account{User: User{ID: account.ID}}, err
	}
	if outdated {
		account = g.renewed(ctx, account, in.password)
	}
	return account, nil
}

// lock waits for earlier attempts at an id. It returns ErrTooManyConcurrent after lockWait, and the
// context's error if that ends first.
func (g *Guard) lock(ctx context.Context, id string) (done func(), err error) {
	soon, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	done, err = g.locks.lock(soon, id)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return nil, g.locks.overloaded(id).WithCause(err)
	}
	return done, err
}

// verify counts an attempt at a key, verifies the password, and reports whether the hash is
// outdated. The attempt is counted just before verification, so that one that times out while it
// waits does not count. If the process dies during verification, the attempt stays counted.
func (g *Guard) verify(ctx context.Context, key string, in attempt, account Account) (outdated bool, err error) {
	var count int
	right, outdated, err := g.Passwords.Verify(ctx, in.client, in.password, account.PasswordHash, func(ctx context.Context) (err error) {
		if in.begin != nil {
			if err := in.begin(); err != nil {
				return err
			}
		}
		count, err = g.Attempts.CountAttempt(ctx, key)
		return err
	})
	if err != nil {
		return false, err
	}
	// The outcome is written even if the client has disconnected.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	switch {
	case right && account.Status == StatusActive:
		return outdated, g.Attempts.Reset(ctx, key)
	case count >= MaxFailures:
		return false, ErrLocking
	}
	return false, ErrCredentials
}

// renewed returns the account with the password hashed with the current parameters. A failure is
// ignored: the next login tries again. Renewals get no place, so that under load the logins go
// first.
func (g *Guard) renewed(ctx context.Context, account Account, password string) Account {
	hash, err := g.Passwords.Hash(ctx, "", password)
	if err != nil {
		return account
	}
	if done, err := g.Credentials.RenewHash(ctx, account.ID, account.PasswordHash, hash); err == nil && done {
		account.PasswordHash = hash
	}
	return account
}
