package identity

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/phonebill/phonebill/apps/internal/problem"
)

// LoginRequest is what somebody claims to be.
type LoginRequest struct {
	UserID, Password string
	// AutoLogin asks for a session that outlives a night.
	AutoLogin bool
}

// Login begins a session. It returns ErrValidation, ErrCredentials, or an
// Unavailable problem.
func (s *Sessions) Login(ctx context.Context, in LoginRequest) (Grant, error) {
	grant, err := s.login(ctx, in)
	s.Recorder.Login(outcome(err))
	if err == nil {
		s.Recorder.SessionStarted()
	}
	return grant, err
}

func (s *Sessions) login(ctx context.Context, in LoginRequest) (Grant, error) {
	if err := in.validate(); err != nil {
		return Grant{}, err
	}
	account, err := s.authenticate(ctx, in)
	if err != nil {
		return Grant{}, err
	}
	idle := s.Lifetimes.Idle
	if in.AutoLogin {
		idle = s.Lifetimes.AutoLoginIdle
	}
	session := Session{ID: rand.Text(), Idle: idle}.of(account.User, rand.Text())
	pair, err := s.Tokens.Issue(ctx, account.User, session)
	if err != nil {
		return Grant{}, err
	}
	if err := s.Store.Create(ctx, session); err != nil {
		return Grant{}, err
	}
	// The index has the last word: a password change either finds the session
	// there or makes this fail. Nobody has the tokens of one that failed.
	if err := s.Index.Open(ctx, session, account.PasswordHash, s.until()); err != nil {
		return Grant{}, err
	}
	return Grant{TokenPair: pair, User: account.User}, nil
}

// authenticate returns whose the credentials are, or ErrCredentials. It does
// the same work whether or not there is such a user.
func (s *Sessions) authenticate(ctx context.Context, in LoginRequest) (Account, error) {
	account, err := s.Credentials.Account(ctx, in.UserID)
	if err != nil && !errors.Is(err, ErrUserNotFound) {
		return Account{}, err
	}
	ok, err := s.Passwords.Verify(ctx, in.Password, account.PasswordHash)
	if err != nil {
		return Account{}, err
	}
	if !ok || account.Status != StatusActive {
		return Account{}, ErrCredentials
	}
	return account, nil
}

// until returns when a session that is not refreshed any more is over.
func (s *Sessions) until() time.Time { return s.Now().Add(s.Lifetimes.Refresh) }

// outcome classifies an error for the Recorder.
func outcome(err error) Outcome {
	switch p := problem.From(err); {
	case err == nil:
		return OutcomeSuccess
	case errors.Is(err, errReused):
		return OutcomeReused
	case p.Kind == problem.Unauthenticated, p.Kind == problem.Invalid:
		return OutcomeRejected
	}
	return OutcomeError
}
