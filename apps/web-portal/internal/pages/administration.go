package pages

import (
	"slices"

	"github.com/phonebill/phonebill/apps/web-portal/internal/upstream"
)

// Users is the content of the list of accounts.
type Users struct {
	Filter upstream.UserFilter
	Found  upstream.Users
	Error  string
}

// Last returns the number of the last page.
func (u Users) Last() int { return max((u.Found.Total+u.Found.Size-1)/max(u.Found.Size, 1), 1) }

// Statuses are the statuses to choose from.
func (Users) Statuses() []string { return []string{"ACTIVE", "LOCKED", "SUSPENDED"} }

// Member is the content of the page of an account.
type Member struct {
	User   upstream.User
	Events Part[upstream.Events]
	// Own reports whether it is the administrator's account, which cannot lose its rights.
	Own bool
}

// Permission is a permission that an account can have.
type Permission struct {
	Code string
	Held bool
}

// Permissions returns the permissions that the account has or can have. Administrators have no line.
func (m Member) Permissions() []Permission {
	fit := []string{upstream.PermissionInquire, upstream.PermissionChange}
	if m.User.Line == "" {
		fit = []string{upstream.PermissionAdmin}
	}
	var all []Permission
	for _, code := range []string{upstream.PermissionAdmin, upstream.PermissionInquire, upstream.PermissionChange} {
		held := slices.Contains(m.User.Permissions, code)
		if held || slices.Contains(fit, code) {
			all = append(all, Permission{code, held})
		}
	}
	return all
}

// Act is the content of the page that asks for the confirmation of an act.
type Act struct {
	Member
	upstream.Act

	Path  string // of the form
	Error string
	// Retry is after how many seconds the form is sent again; 0 for not.
	Retry int
}

// Audit is the content of the audit trail.
type Audit struct {
	Filter upstream.EventFilter
	Found  upstream.Events
	Error  string
}

// Narrowed reports whether a condition is set that is otherwise folded away.
func (a Audit) Narrowed() bool {
	return a.Filter.Action+a.Filter.Outcome+a.Filter.From+a.Filter.Until != ""
}

// Actions are the administrative acts to choose from.
func (Audit) Actions() []string {
	return []string{"USER_SUSPEND", "USER_REINSTATE", "USER_UNLOCK", "PERMISSION_GRANT", "PERMISSION_REVOKE", "LINE_MOVED", "ADMINISTRATOR_CREATE"}
}

// Outcomes are the outcomes to choose from.
func (Audit) Outcomes() []string { return []string{"DONE", "UNCHANGED", "DENIED"} }
