// Package identity is the domain of the auth service: who may log in, what they
// may do, and which sessions they have. It knows rules and no technology; what
// it needs from the outside it names as interfaces.
package identity

import "github.com/phonebill/phonebill/apps/internal/msisdn"

// The permissions there are. ADMIN manages users and is no customer.
const (
	PermissionBillInquiry   = "BILL_INQUIRY"
	PermissionProductChange = "PRODUCT_CHANGE"
	PermissionAdmin         = "ADMIN"
)

// Status says whether a user may log in.
type Status string

// The states of an account.
const (
	StatusActive    Status = "ACTIVE"
	StatusSuspended Status = "SUSPENDED" // by an administrator
	// StatusLocked is shown of an active account whose user cannot log in after
	// too many wrong passwords. It is never stored.
	StatusLocked Status = "LOCKED"
)

// User is somebody who may log in: a customer with a line, or a member of staff
// with neither.
type User struct {
	ID          string
	Name        string
	CustomerID  string        // "" for staff
	Line        msisdn.Number // "" for staff
	Status      Status
	Permissions []string // sorted
}

// Lines returns the lines that the user may see and change, as digits.
func (u User) Lines() []string {
	if u.Line == "" {
		return nil
	}
	return []string{u.Line.Digits()}
}

// Account is a user together with the hash of the password.
type Account struct {
	User
	PasswordHash string
}
