package identity

import (
	"context"
	"errors"
	"time"
)

// Product rule: after so many failures in a row an id is locked for a while.
const (
	MaxFailures = 5
	LockTime    = 30 * time.Minute
	// FailuresFade is how long after the last one failures are forgotten.
	FailuresFade = 24 * time.Hour
)

// turnWait bounds the wait of an attempt for those before it at the same id.
const turnWait = 3 * time.Second

// settleTime bounds how long the outcome of an attempt takes to be written.
const settleTime = 5 * time.Second

// Guard stands between those who claim an id and its password: it lets no more
// than MaxFailures guesses in a row be looked at, however many are made at
// once, on however many replicas. It is safe for concurrent use.
type Guard struct {
	GuardParams
	turns turns
}

// GuardParams is what a Guard needs.
type GuardParams struct {
	Credentials Credentials
	Passwords   Passwords
	Attempts    Attempts
}

// NewGuard returns a Guard.
func NewGuard(params GuardParams) *Guard { return &Guard{GuardParams: params} }

// prove returns the account whose credentials these are. Otherwise it returns
// ErrCredentials, ErrLocking for the failure that locks the id, ErrLocked, or a
// TooManyRequests or Unavailable problem; of the account then only the id, "" if
// there is none, for the record. The work is the same whether or not there is
// such a user.
//
// Attempts are counted by the id as it was registered, or by one of all spellings
// of an id that nobody has: another case is not another guess. Attempts at one id
// take turns, so that somebody who logs in several times at
// once is not taken for a guesser.
func (g *Guard) prove(ctx context.Context, id, password string) (Account, error) {
	if err := g.Passwords.Admit(); err != nil {
		return Account{}, err
	}
	done, err := g.turn(ctx, canonical(id))
	if err != nil {
		return Account{}, err
	}
	defer done()
	account, err := g.Credentials.Account(ctx, id)
	if err != nil && !errors.Is(err, ErrUserNotFound) {
		return Account{}, err
	}
	key := account.ID // as registered, whatever case was typed
	if key == "" {
		key = canonical(id)
	}
	outdated, err := g.attempt(ctx, key, password, account)
	if err != nil {
		return Account{User: User{ID: account.ID}}, err
	}
	if outdated {
		account = g.renewed(ctx, account, password)
	}
	return account, nil
}

// turn waits for a turn at an id. It returns ErrCrowd if that does not come
// soon, and the context's error if that ends first.
func (g *Guard) turn(ctx context.Context, id string) (done func(), err error) {
	soon, cancel := context.WithTimeout(ctx, turnWait)
	defer cancel()
	done, err = g.turns.take(soon, id)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return nil, g.turns.crowd(id).WithCause(err)
	}
	return done, err
}

// attempt counts an attempt, and then looks whether it is right, and if so
// whether the hash is outdated. It is counted only when its turn has come: who
// waits in vain has not guessed. A process that dies after that leaves it counted.
func (g *Guard) attempt(ctx context.Context, id, password string, account Account) (outdated bool, err error) {
	var count int
	right, outdated, err := g.Passwords.Verify(ctx, password, account.PasswordHash, func(ctx context.Context) (err error) {
		count, err = g.Attempts.Take(ctx, id)
		return err
	})
	if err != nil {
		return false, err
	}
	// A client that left meanwhile changes nothing about the outcome.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	switch {
	case right && account.Status == StatusActive:
		return outdated, g.Attempts.Reset(ctx, id)
	case count >= MaxFailures:
		return false, ErrLocking
	}
	return false, ErrCredentials
}

// renewed returns the account with the password hashed anew. That it cannot be
// done now harms nobody: there will be another login.
func (g *Guard) renewed(ctx context.Context, account Account, password string) Account {
	hash, err := g.Passwords.Hash(ctx, password)
	if err != nil {
		return account
	}
	if done, err := g.Credentials.RenewHash(ctx, account.ID, account.PasswordHash, hash); err == nil && done {
		account.PasswordHash = hash
	}
	return account
}
