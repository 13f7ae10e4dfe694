package bill

import (
	"time"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/query"
)

// Status is the state of an inquiry.
type Status string

// The states. Processing is the only one that may change.
const (
	Processing Status = "PROCESSING"
	Completed  Status = "COMPLETED"
	Failed     Status = "FAILED"
)

// Record is what an inquiry leaves in the history of requests.
type Record struct {
	RequestID   string // UUID version 7, whose time is RequestedAt
	UserID      string
	Customer    string // the customer's id; "" in records of the release before
	Line        msisdn.Number
	Month       Month
	Status      Status
	ResultCode  string // "0000", or the code of the refusal
	Summary     string // Korean, for people
	RequestedAt time.Time
	ProcessedAt time.Time // zero while processing
}

// subject returns what was asked about.
func (r Record) subject() Subject { return Subject{r.Line, r.Month} }

// query returns the query for the bill that was asked for.
func (r Record) query() Query {
	return Query{Subscription: Subscription{r.Customer, r.Line}, Month: r.Month}
}

// abandonedAfter is when an inquiry that is still processing, and is not queued, must
// have been lost: nothing is queued for longer.
const abandonedAfter = time.Hour

// settle returns r as it is shown at now.
func (r Record) settle(now time.Time) Record {
	if r.Status == Processing && now.Sub(r.RequestedAt) > abandonedAfter {
		r.Status, r.ResultCode, r.Summary = Failed, "INTERRUPTED", "처리가 중단되었습니다. 다시 조회해 주세요."
	}
	return r
}

// Filter chooses records of the history.
type Filter struct {
	UserID string
	Lines  []msisdn.Number // any of these
	From   time.Time       // inclusive; zero: the beginning
	Until  time.Time       // exclusive; zero: now
	Status Status          // "": any
	Page   query.Page
}

// MaxDepth bounds how far back pages go and totals count, so that no page
// costs more than reading this many index entries.
const MaxDepth = 10_000

// Page is a part of the history.
type Page struct {
	Records []Record // newest first
	Total   int      // at most MaxDepth
}
