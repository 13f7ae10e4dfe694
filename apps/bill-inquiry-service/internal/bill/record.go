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

// abandonedAfter is when an inquiry that is still said to be processing, and is
// not in line, must have been lost: it is longer than anything waits there.
const abandonedAfter = time.Hour

// settle returns r as it is to be told at now.
func (r Record) settle(now time.Time) Record {
	if r.Status == Processing && now.Sub(r.RequestedAt) > abandonedAfter {
		r.Status, r.ResultCode, r.Summary = Failed, "INTERRUPTED", "처리가 중단되었습니다. 다시 조회해 주세요."
	}
	return r
}

// Exchange is one call of KOS, for the history of processing.
type Exchange struct {
	ID         string // UUID version 7
	RequestID  string
	Endpoint   string // bill-inquiry, product-inquiry
	Line       msisdn.Number
	ResultCode string // KOS's, or "" if there was no answer
	Outcome    string // ANSWERED, BUSY, UNAVAILABLE
	At         time.Time
	Took       time.Duration
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
