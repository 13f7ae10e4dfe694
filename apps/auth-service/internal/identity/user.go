// Package identity is the domain of the auth service: users, their permissions and their sessions.
// It contains rules without technology; it declares its dependencies as interfaces.
package identity

import "github.com/phonebill/phonebill/apps/internal/msisdn"

// Permissions. A user with ADMIN manages users and is not a customer.
const (
	PermissionBillInquiry   = "BILL_INQUIRY"
	PermissionProductChange = "PRODUCT_CHANGE"
	PermissionAdmin         = "ADMIN"
)

// Status is the state of an account.
type Status string

// The states of an account.
const (
	StatusActive    Status = "ACTIVE"
	StatusSuspended Status = "SUSPENDED" // by an administrator
	// StatusLocked is shown for an active account during a lock-out. It is never stored.
	StatusLocked Status = "LOCKED"
)

// User is a customer with a line, or an administrator with neither.
type User struct {
	ID          string
	Name        string
	CustomerID  string        // "" for administrators
	Line        msisdn.Number // "" for administrators
	Status      Status
	Permissions []string // sorted
}

// Lines returns the digits of the lines that the user may see and change.
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
