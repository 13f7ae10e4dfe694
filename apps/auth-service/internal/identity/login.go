package identity

import (
	"context"
	"errors"
	"time"

	"github.com/phonebill/phonebill/apps/internal/problem"
)

// LoginRequest contains the claimed credentials.
type LoginRequest struct {
	UserID, Password string
	// AutoLogin requests a session with the longer lifetimes.
	AutoLogin bool
	Client    Client
	// Begin, if set, is called directly before the password is verified, after all waiting. Its
	// error refuses the login.
	Begin func() error
}

// attempt returns the attempt that a login is. A client is recognized by its address and the id.
func (in LoginRequest) attempt() attempt {
	return attempt{
		id: in.UserID, password: in.Password, begin: in.Begin,
		client: in.Client.Address.String() + " " + canonical(in.UserID),
	}
}

// Login opens a session. It returns ErrValidation, ErrCredentials, ErrLocking, ErrLocked, or a
// TooManyRequests or Unavailable problem.
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
	account, err := s.Guard.authenticate(ctx, in.attempt())
	if err != nil {
		s.record(ctx, account.ID, in.Client, err)
		return Grant{}, err
	}
	grant, err := s.begin(ctx, account, in)
	for retries := 0; errors.Is(err, ErrAccountChanged) && retries < maxConcurrentUpdates; retries++ {
		grant, err = s.beginAgain(ctx, account, in)
	}
	s.record(ctx, account.ID, in.Client, err)
	return grant, err
}

// maxConcurrentUpdates bounds the retries of a login after concurrent updates by administrators.
const maxConcurrentUpdates = 5

// beginAgain calls begin with the user's current permissions. The password is not verified again:
// Open compares the hash with the one that was verified.
func (s *Sessions) beginAgain(ctx context.Context, verified Account, in LoginRequest) (Grant, error) {
	account, err := s.Guard.Credentials.Account(ctx, verified.ID)
	if err != nil {
		return Grant{}, err
	}
	account.PasswordHash = verified.PasswordHash
	return s.begin(ctx, account, in)
}

// begin opens a session for an authenticated account.
func (s *Sessions) begin(ctx context.Context, account Account, in LoginRequest) (Grant, error) {
	session := s.Lifetimes.begin(s.Now(), in.AutoLogin, in.Client).of(account.User)
	pair, err := s.Tokens.Issue(ctx, account.User, session)
	if err != nil {
		return Grant{}, err
	}
	if err := s.Store.Create(ctx, session); err != nil {
		return Grant{}, err
	}
	// Open excludes a concurrent password change: the change either finds this session in the index
	// and ends it, or makes Open fail before tokens are returned.
	if err := s.Index.Open(ctx, session, account.PasswordHash, s.until(session)); err != nil {
		return Grant{}, err
	}
	return Grant{TokenPair: pair, User: account.User}, nil
}

// until returns when a session ends that is not refreshed again.
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
