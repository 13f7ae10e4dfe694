package identity

import (
	"context"
	"errors"
)

// Accounts are the use cases about users. It is safe for concurrent use.
type Accounts struct {
	AccountsParams
}

// AccountsParams is what Accounts needs.
type AccountsParams struct {
	Users       Users
	Credentials Credentials
	Guard       *Guard
	Passwords   Passwords
	Carrier     Carrier
	Sessions    SessionStore
	Recorder    Recorder
}

// NewAccounts returns the use cases.
func NewAccounts(params AccountsParams) *Accounts { return &Accounts{params} }

// Registration is the form with which a customer creates an account. What the
// customer may do is not on it: a new customer gets the permissions of all.
type Registration struct {
	UserID, CustomerID, LineNumber, UserName, Password string
}

// Register creates an account. It returns ErrValidation, ErrUserIDTaken,
// ErrCustomerTaken, ErrLineTaken, or an Unavailable problem: without the
// carrier's word on the line nobody is registered with it. If another account
// has the line, the carrier decides whose it is: a number may have been given to
// another customer since.
func (a *Accounts) Register(ctx context.Context, in Registration) (User, error) {
	user, err := in.validate()
	if err != nil {
		return User{}, err
	}
	// Only create decides; asking before spares the carrier and the CPU.
	taken := a.Users.Available(ctx, user)
	if taken != nil && !errors.Is(taken, ErrLineTaken) {
		return User{}, taken
	}
	create, err := a.checkLine(ctx, user, taken)
	if err != nil {
		return User{}, err
	}
	hash, err := a.Passwords.Hash(ctx, in.Password)
	if err != nil {
		return User{}, err
	}
	if err := create(ctx, Account{User: user, PasswordHash: hash}); err != nil {
		return User{}, err
	}
	return user, nil
}

// checkLine returns how to create the account of u by what the carrier says of
// the line: with CreateHolder if the line is the customer's. A line that the
// carrier does not know is the customer's who registers it first: then checkLine
// returns taken. It returns ErrLineTaken for another customer's line.
func (a *Accounts) checkLine(ctx context.Context, u User, taken error) (create func(context.Context, Account) error, err error) {
	customerID, known, err := a.Carrier.Customer(ctx, u.Line)
	switch {
	case err != nil:
		return nil, err
	case !known:
		return a.Users.Create, taken
	case customerID != u.CustomerID:
		return nil, ErrLineTaken
	}
	return a.Users.CreateHolder, nil
}

// Registered reports whether the customer is registered with the line, and the
// line has not moved to another customer's account. An id or a line that no registration can have is not registered, which is no fault: the
// question comes from another service, whose sidecar counts a refusal as a
// failure of this one. It returns ErrDatabase.
func (a *Accounts) Registered(ctx context.Context, customerID, lineNumber string) (bool, error) {
	faults := fieldFaults{}
	faults.checkID("customerId", customerID)
	line := faults.checkLine("lineNumber", lineNumber)
	if len(faults) > 0 {
		return false, nil
	}
	return a.Users.Registered(ctx, customerID, line)
}
