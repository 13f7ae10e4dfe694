package text

import "strings"

// status are the names of the statuses of payments, inquiries and changes.
var status = map[string]string{
	"PAID": "Paid", "SCHEDULED": "Scheduled", "UNPAID": "Unpaid", "OVERDUE": "Overdue",
	"PENDING": "Waiting", "PROCESSING": "In progress", "COMPLETED": "Done", "FAILED": "Failed",
}

// attempts are the names of the outcomes of attempts to log in.
var attempts = map[string]string{
	"SUCCESS": "Succeeded", "FAILED": "Wrong password", "LOCKED": "Wrong password, id locked", "REFUSED": "Tried while locked",
}

// access are the names of the statuses of accounts.
var access = map[string]string{"ACTIVE": "Active", "LOCKED": "Locked", "SUSPENDED": "Suspended"}

// permissions are the names of permissions.
var permissions = map[string]string{"ADMIN": "Administration", "BILL_INQUIRY": "Bill inquiry", "PRODUCT_CHANGE": "Change of plan"}

// acts are the names of the acts in the audit trail.
var acts = map[string]string{
	"PERMISSION_GRANT": "Permission granted", "PERMISSION_REVOKE": "Permission revoked", "USER_SUSPEND": "User suspended",
	"USER_REINSTATE": "User reinstated", "USER_UNLOCK": "User unlocked", "LINE_MOVED": "Line moved", "ADMINISTRATOR_CREATE": "Administrator created",
}

// outcomes are the names of the outcomes of these acts.
var outcomes = map[string]string{"DONE": "Done", "UNCHANGED": "Unchanged", "DENIED": "Denied"}

// Status names the status of a payment, of an inquiry or of a change.
func (l Language) Status(code string) string { return l.name(status, code) }

// Attempt names the outcome of an attempt to log in.
func (l Language) Attempt(code string) string { return l.name(attempts, code) }

// Access names the status of an account.
func (l Language) Access(code string) string { return l.name(access, code) }

// Permission names a permission.
func (l Language) Permission(code string) string { return l.name(permissions, code) }

// Act names an act in the audit trail. A denied access has none: GET /api/v1/users.
func (l Language) Act(code string) string { return l.name(acts, code) }

// Outcome names the outcome of an act.
func (l Language) Outcome(code string) string { return l.name(outcomes, code) }

func (l Language) name(names map[string]string, code string) string {
	if name, ok := names[code]; ok {
		return l.Text(name)
	}
	return code
}

// Device names browser and system of a User-Agent: Chrome · Android.
func (l Language) Device(userAgent string) string {
	browser := first(userAgent, [][2]string{
		{"Edg", "Edge"}, {"SamsungBrowser", "Samsung Internet"}, {"Whale", "Whale"}, {"Firefox", "Firefox"},
		{"Chrome", "Chrome"}, {"Safari", "Safari"}, {"curl", "curl"},
	})
	system := first(userAgent, [][2]string{
		{"Android", "Android"}, {"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Windows", "Windows"}, {"Mac OS", "macOS"}, {"Linux", "Linux"},
	})
	switch {
	case browser != "" && system != "":
		return browser + " · " + system
	case browser+system != "":
		return browser + system
	}
	return l.Text("Unknown device")
}

// first returns the name of the first mark in text, or "".
func first(text string, marks [][2]string) string {
	for _, mark := range marks {
		if strings.Contains(text, mark[0]) {
			return mark[1]
		}
	}
	return ""
}
