package identity

import (
	"context"
	"errors"
	"time"

	"github.com/phonebill/phonebill/apps/internal/problem"
)

// LoginRequest is what somebody claims to be.
type LoginRequest struct {
	UserID, Password string
	// AutoLogin asks for a session that outlives a night.
	AutoLogin bool
	Client    Client
}

// Login begins a session. It returns ErrValidation, ErrCredentials, ErrLocking,
// ErrLocked, or a TooManyRequests or Unavailable problem.
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
	account, err := s.Guard.prove(ctx, in.UserID, in.Password)
	if err != nil {
		s.record(ctx, account.ID, in.Client, err)
		return Grant{}, err
	}
	grant, err := s.begin(ctx, account, in)
	for try := 0; errors.Is(err, ErrAccountChanged) && try < maxDecisions; try++ {
		grant, err = s.beginAnew(ctx, account, in)
	}
	s.record(ctx, account.ID, in.Client, err)
	return grant, err
}

// maxDecisions is how many decisions of administrators a login goes along with.
const maxDecisions = 5

// beginAnew is begin with what the user may do now. The password stays proven as
// long as its hash is the one that was compared.
func (s *Sessions) beginAnew(ctx context.Context, proven Account, in LoginRequest) (Grant, error) {
	account, err := s.Guard.Credentials.Account(ctx, proven.ID)
	if err != nil {
		return Grant{}, err
	}
	account.PasswordHash = proven.PasswordHash
	return s.begin(ctx, account, in)
}

// begin begins a session of somebody who has proven to be account's user.
func (s *Sessions) begin(ctx context.Context, account Account, in LoginRequest) (Grant, error) {
	session := s.Lifetimes.begin(s.Now(), in.AutoLogin, in.Client).of(account.User)
	pair, err := s.Tokens.Issue(ctx, account.User, session)
	if err != nil {
		return Grant{}, err
	}
	if err := s.Store.Create(ctx, session); err != nil {
		return Grant{}, err
	}
	// The index has the last word: a password change either finds the session
	// there or makes this fail. Nobody has the tokens of one that failed.
	if err := s.Index.Open(ctx, session, account.PasswordHash, s.until(session)); err != nil {
		return Grant{}, err
	}
	return Grant{TokenPair: pair, User: account.User}, nil
}

// until returns when a session is over that is not refreshed any more.
func (s *Sessions) until(session Session) time.Time {
	until := s.Now().Add(s.Lifetimes.Refresh)
	if session.EndsAt.Before(until) {
		return session.EndsAt
	}
	return until
}

// outcome classifies an error for the Recorder.
func outcome(err error) Outcome {
	switch p := problem.From(err); {
	case err == nil:
		return OutcomeSuccess
	case errors.Is(err, errReused):
		return OutcomeReused
	case errors.Is(err, errExpired):
		return OutcomeExpired
	case errors.Is(err, ErrLocking), errors.Is(err, ErrLocked):
		return OutcomeLocked
	case p.Kind == problem.TooManyRequests:
		return OutcomeBusy
	case p.Kind == problem.Unauthenticated, p.Kind == problem.Invalid:
		return OutcomeRejected
	}
	return OutcomeError
}
