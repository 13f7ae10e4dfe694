package identity

import (
	"context"
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
// carrier's word on the line nobody is registered with it.
func (a *Accounts) Register(ctx context.Context, in Registration) (User, error) {
	user, err := in.validate()
	if err != nil {
		return User{}, err
	}
	// Only Create decides; asking before spares the carrier and the CPU.
	if err := a.Users.Available(ctx, user); err != nil {
		return User{}, err
	}
	if err := a.checkLine(ctx, user); err != nil {
		return User{}, err
	}
	hash, err := a.Passwords.Hash(ctx, in.Password)
	if err != nil {
		return User{}, err
	}
	if err := a.Users.Create(ctx, Account{User: user, PasswordHash: hash}); err != nil {
		return User{}, err
	}
	return user, nil
}

// checkLine refuses a line that the carrier has given to another customer.
// Nobody may claim a stranger's line; one that the carrier does not know is
// nobody's.
func (a *Accounts) checkLine(ctx context.Context, u User) error {
	customerID, known, err := a.Carrier.Customer(ctx, u.Line)
	if err != nil {
		return err
	}
	if known && customerID != u.CustomerID {
		return ErrLineTaken
	}
	return nil
}

// Registered reports whether the customer is registered with the line. An id or
// a line that no registration can have is not registered, which is no fault: the
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
