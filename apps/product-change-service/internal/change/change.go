// Package change holds what a plan change is: how one is asked for and
// accepted, how it is brought to KOS exactly once, and what it leaves in the
// history. It knows no HTTP, no SQL and no Dapr.
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

// The states. A change is accepted as Pending, is Processing from the first
// time somebody looked after it, and ends as Completed or Failed for good.
const (
	Pending    Status = "PENDING"
	Processing Status = "PROCESSING"
	Completed  Status = "COMPLETED"
	Failed     Status = "FAILED"
)

// Final reports whether a change in this state will never change again.
func (s Status) Final() bool { return s == Completed || s == Failed }

// Reason says why a change is waiting.
type Reason string

// The reasons.
const (
	NotWaiting     Reason = ""
	Queued         Reason = "QUEUED"          // others have come before
	Limit          Reason = "KOS_LIMIT"       // KOS's limit is used up
	KOSBusy        Reason = "KOS_BUSY"        // KOS has refused for now
	KOSUnavailable Reason = "KOS_UNAVAILABLE" // KOS does not answer
)

// Day is a day in Seoul, YYYY-MM-DD. Days compare as texts; the empty day is
// the one on which KOS gets the order.
type Day string

// DayOf returns the day that it is in Seoul at t.
func DayOf(t time.Time) Day { return Day(t.In(product.Seoul).Format(time.DateOnly)) }

// Start returns the first moment of a day, zero for the empty day.
func (d Day) Start() time.Time {
	start, err := time.ParseInLocation(time.DateOnly, string(d), product.Seoul)
	if err != nil {
		return time.Time{}
	}
	return start
}

// Change is one accepted change of a line's plan, and its row in the history.
type Change struct {
	RequestID   string // UUID of version 7, whose time is RequestedAt
	UserID      string
	CustomerID  string
	Line        msisdn.Number
	CurrentCode string
	CurrentName string
	Target      product.Product // as the catalogue had it when the change was accepted
	Effective   Day

	Status        Status
	Waiting       Reason // while it is not final
	ResultCode    string // KOS's, or one of ours; "" while it is not final
	ResultMessage string // Korean, for people
	Attempts      int    // how often its processing was begun
	RequestedAt   time.Time
	ProcessedAt   time.Time // zero while it is not final
}

// Subscription returns the line as the customer's who asked for the change.
func (c Change) Subscription() product.Subscription {
	return product.Subscription{Customer: c.CustomerID, Line: c.Line}
}

// Order is what somebody wants.
type Order struct {
	Line      msisdn.Number
	Current   string // the code of the plan that the customer believes to have
	Target    string
	Effective Day
}

// atOnce returns the order without a day.
func (o Order) atOnce() Order {
	o.Effective = ""
	return o
}

// digest returns a digest of what an order means, not of how it is written.
func (o Order) digest() []byte {
	// Texts always marshal.
	meaning, _ := json.Marshal([]string{o.Line.Digits(), o.Current, o.Target, string(o.Effective)})
	digest := sha256.Sum256(meaning)
	return digest[:]
}

// Asker is who asks: a user and the lines that are the user's.
type Asker struct {
	UserID     string
	CustomerID string
	Lines      []msisdn.Number
	// Wait is how long the client waits, at most; nil is as long as we let it.
	Wait *time.Duration
}

// Owns reports whether a line is the asker's.
func (a Asker) Owns(line msisdn.Number) bool {
	for _, own := range a.Lines {
		if own == line {
			return true
		}
	}
	return false
}

// Subscription returns a line as the asker's.
func (a Asker) Subscription(line msisdn.Number) product.Subscription {
	return product.Subscription{Customer: a.CustomerID, Line: line}
}
