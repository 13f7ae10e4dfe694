package pages

import (
	"github.com/phonebill/phonebill/apps/web-portal/internal/upstream"
)

// Login is the content of the log-in page.
type Login struct {
	UserID string
	Stays  bool
	Next   string
	Error  string
	Hints  []string
	// Resume is the form that the customer sent after the session had ended.
	Resume *Resume
}

// Resume is a form to send again after a log-in.
type Resume struct {
	Action string
	Fields []Field
}

// Field is a field of a form.
type Field struct{ Name, Value string }

// Register is the content of the registration page.
type Register struct {
	Values upstream.Registration
	Error  string
	Errors map[string]string
}

// Part is the answer of one service on a page of several.
type Part[T any] struct {
	Value   T
	Failure *upstream.Failure
}

// OK reports whether there is an answer.
func (p Part[T]) OK() bool { return p.Failure == nil }

// Home is the content of the home page.
type Home struct {
	Subscriber Part[upstream.Subscriber]
	Bill       Part[upstream.Inquiry]
	Plans      bool // whether the customer may see the plan
	Bills      bool
}

// Bill is the content of the page of a bill.
type Bill struct {
	Month   string // YYYY-MM
	Months  []string
	Inquiry upstream.Inquiry
	Bill    *upstream.Bill
}

// Month is a bar of the months.
type Month struct {
	Month string // YYYY-MM
	Part[upstream.Inquiry]

	// Of the bar.
	X, Y, Height, Label, Center int
	Current                     bool
}

// Months is the content of the page of the last months.
type Months struct {
	Months  []Month
	Average int64
	Waits   bool
}

// History is a page of a history.
type History[T any] struct {
	Items []T
	Page  upstream.Page
}

// Choice is an option of a filter.
type Choice struct {
	Value, Name string
	Selected    bool
}

// Offer is a plan in the list.
type Offer struct {
	upstream.Plan

	Difference int64 // of the fee, from the current plan
	Compared   bool
}

// Plans is the content of the list of plans.
type Plans struct {
	Current  upstream.Subscriber
	Offers   []Offer
	Total    int
	Compared []Offer
	Stale    upstream.Offers
	Fees     []Choice
	Data     []Choice
	Orders   []Choice
}

// Plan is the content of the page of a plan, with the confirmation of a change to it.
type Plan struct {
	Current    upstream.Subscriber
	Offer      Offer
	Validation Part[upstream.Validation]
	Key        string
	From       string
	First      string // the first and last possible day
	Last       string
	Error      string
	// Retry is after how many seconds the form is sent again; 0 for not.
	Retry int
}

// Account is the content of the page of the account.
type Account struct {
	User     upstream.User
	Sessions Part[[]upstream.Session]
	Logins   Part[[]upstream.Login]
	Error    string
	Errors   map[string]string
}

// Others returns the number of other sessions.
func (a Account) Others() int { return max(len(a.Sessions.Value)-1, 0) }

// Notice is the content of a page with a message.
type Notice struct {
	Heading  string
	Text     string
	Code     string
	TraceID  string
	Link     string
	LinkText string
	// Retry is after how many seconds the page loads itself again, or sends the form Again; 0
	// for not.
	Retry int
	Again *Resume
}

// Waiting is the content of the page of a place in the queue.
type Waiting struct {
	What      string
	Position  int // 0 if it is being asked now
	Estimated int // in seconds; 0 if unknown
}
