// Package change has the rules of plan changes: how an order is checked and accepted, how
// the change is applied in KOS exactly once, and what the history records. It imports no
// HTTP, SQL or Dapr.
package change

import (
	"crypto/sha256"
	"encoding/json"
	"time"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

// Status is the state of a change.
type Status string

// The states. A change is accepted as Pending, is Processing from its first attempt on,
// and ends as Completed or Failed, which are final.
const (
	Pending    Status = "PENDING"
	Processing Status = "PROCESSING"
	Completed  Status = "COMPLETED"
	Failed     Status = "FAILED"
)

// Final reports whether a change in this state stays in it.
func (s Status) Final() bool { return s == Completed || s == Failed }

// Reason is why a change waits.
type Reason string

// The reasons.
const (
	NotWaiting     Reason = ""
	Queued         Reason = "QUEUED"          // other changes come first
	Limit          Reason = "KOS_LIMIT"       // the budget is spent
	KOSBusy        Reason = "KOS_BUSY"        // the budget is spent, and lowered after a 429 of KOS
	KOSUnavailable Reason = "KOS_UNAVAILABLE" // KOS does not answer, or cannot be called
)

// Day is a day in Seoul, YYYY-MM-DD. Days compare as strings. The empty day is the day on
// which KOS carries out the order.
type Day string

// DayOf returns the day in Seoul at t.
func DayOf(t time.Time) Day { return Day(t.In(product.Seoul).Format(time.DateOnly)) }

// Start returns the beginning of a day, and the zero time for the empty day.
func (d Day) Start() time.Time {
	start, err := time.ParseInLocation(time.DateOnly, string(d), product.Seoul)
	if err != nil {
		return time.Time{}
	}
	return start
}

// Change is an accepted change of a line's plan.
type Change struct {
	RequestID   string // UUID of version 7, whose time is RequestedAt
	UserID      string
	CustomerID  string
	Line        msisdn.Number
	CurrentCode string
	CurrentName string
	Target      product.Product // as in the catalogue at the acceptance
	Effective   Day

	Status        Status
	Waiting       Reason // set while it is not final
	ResultCode    string // of KOS, or of this service; "" while it is not final
	ResultMessage string // Korean, for customers
	Attempts      int    // how many attempts have begun
	RequestedAt   time.Time
	ProcessedAt   time.Time // zero while it is not final
}

// Subscription returns the line as held by the customer who ordered the change.
func (c Change) Subscription() product.Subscription {
	return product.Subscription{Customer: c.CustomerID, Line: c.Line}
}

// Order is a request for a change.
type Order struct {
	Line      msisdn.Number
	Current   string // code of the plan that the customer expects to have
	Target    string // code of the new plan
	Effective Day
}

// withoutDay returns the order with the empty day.
func (o Order) withoutDay() Order {
	o.Effective = ""
	return o
}

// digest returns a digest of the parsed order: two spellings of one order have the same.
func (o Order) digest() []byte {
	// Strings always marshal.
	meaning, _ := json.Marshal([]string{o.Line.Digits(), o.Current, o.Target, string(o.Effective)})
	digest := sha256.Sum256(meaning)
	return digest[:]
}

// Caller is the user of a request, with the lines of that user.
type Caller struct {
	UserID     string
	CustomerID string
	Lines      []msisdn.Number
	// Wait is the longest wait that the client asked for; nil if it did not.
	Wait *time.Duration
}

// Owns reports whether a line is one of the caller's.
func (a Caller) Owns(line msisdn.Number) bool {
	for _, own := range a.Lines {
		if own == line {
			return true
		}
	}
	return false
}

// Subscription returns a line as held by the caller's customer.
func (a Caller) Subscription(line msisdn.Number) product.Subscription {
	return product.Subscription{Customer: a.CustomerID, Line: line}
}
