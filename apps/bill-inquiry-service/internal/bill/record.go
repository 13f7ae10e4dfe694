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

// Record is the row of an inquiry in the history.
type Record struct {
	RequestID   string // UUID version 7, whose time is RequestedAt
	UserID      string
	Customer    string // the customer's id; "" in records of older releases
	Line        msisdn.Number
	Month       Month
	Status      Status
	ResultCode  string // "0000", or the code of the refusal
	Summary     string // Korean, for people
	RequestedAt time.Time
	ProcessedAt time.Time // zero while processing
}

// Query returns the query for the bill of the inquiry.
func (r Record) Query() Query {
	return Query{Subscription: Subscription{r.Customer, r.Line}, Month: r.Month}
}

// abandonedAfter is the age after which an inquiry that is PROCESSING and not queued is
// shown as failed. No inquiry is queued for longer.
const abandonedAfter = time.Hour

// closeAbandoned returns r as clients see it at now: as failed if it is abandoned.
func (r Record) closeAbandoned(now time.Time) Record {
	if r.Status == Processing && now.Sub(r.RequestedAt) > abandonedAfter {
		r.Status, r.ResultCode, r.Summary = Failed, "INTERRUPTED", "처리가 중단되었습니다. 다시 조회해 주세요."
	}
	return r
}

// Filter selects records of the history.
type Filter struct {
	UserID string
	Lines  []msisdn.Number // any of these
	From   time.Time       // inclusive; zero: the beginning
	Until  time.Time       // exclusive; zero: now
	Status Status          // "": any
	Page   query.Page
}

// MaxDepth is the number of newest records that pages reach and totals count. It
// bounds the index entries that a page reads.
const MaxDepth = 10_000

// Page is a page of the history.
type Page struct {
	Records []Record // newest first
	Total   int      // at most MaxDepth
}
