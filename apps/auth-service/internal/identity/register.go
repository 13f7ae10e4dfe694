package identity

import (
	"context"
	"errors"
)

// Accounts are the use cases on users. It is safe for concurrent use.
type Accounts struct {
	AccountsParams
}

// AccountsParams are the dependencies of Accounts.
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

// Registration is the request to create a customer's account. It has no permissions: every new
// customer gets the same ones.
type Registration struct {
	UserID, CustomerID, LineNumber, UserName, Password string
}

// Register creates an account. It returns ErrValidation, ErrUserIDTaken, ErrCustomerTaken,
// ErrLineTaken, or an Unavailable problem: a line is not registered without confirmation by KOS. If
// another account has the line, KOS decides whose it is, because a number can be given to another
// customer.
func (a *Accounts) Register(ctx context.Context, in Registration) (User, error) {
	user, err := in.validate()
	if err != nil {
		return User{}, err
	}
	// Only Create is authoritative. This check avoids needless KOS calls and hashing.
	taken := a.Users.Available(ctx, user)
	if taken != nil && !errors.Is(taken, ErrLineTaken) {
		return User{}, taken
	}
	create, err := a.checkLine(ctx, user, taken)
	if err != nil {
		return User{}, err
	}
	hash, err := a.Passwords.Hash(ctx, canonical(in.UserID), in.Password)
	if err != nil {
		return User{}, err
	}
	if err := create(ctx, Account{User: user, PasswordHash: hash}); err != nil {
		return User{}, err
	}
	return user, nil
}

// checkLine returns the function that creates the account of u, depending on KOS's answer about the
// line: CreateHolder if the line is the customer's. A line that KOS does not know belongs to the
// customer who registers it first; checkLine then returns taken. It returns ErrLineTaken for
// another customer's line.
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

// Registered reports whether the customer is registered with the line and the line has not moved to
// another account. Malformed ids and lines are not registered and no error: the caller is another
// service, whose sidecar counts refusals as failures of this service. It returns ErrDatabase.
func (a *Accounts) Registered(ctx context.Context, customerID, lineNumber string) (bool, error) {
	faults := fieldFaults{}
	faults.checkID("customerId", customerID)
	line := faults.checkLine("lineNumber", lineNumber)
	if len(faults) > 0 {
		return false, nil
	}
	return a.Users.Registered(ctx, customerID, line)
}
