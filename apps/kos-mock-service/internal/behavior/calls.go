package behavior

import "time"

// Answer is the recorded answer to a call.
type Answer struct {
	CallID     int64
	CalledAt   time.Time // as in Call.At
	Status     int       // HTTP
	ResultCode string    // KOS's
}

// CallFilter selects calls. Zero fields match all.
type CallFilter struct {
	Endpoint  Endpoint
	Client    string
	RequestID string
	Line      string    // pseudonym
	Since     time.Time // arrived at or after
}

// CallCount is the number of calls with the same answer.
type CallCount struct {
	Status     int    // 0: unanswered
	ResultCode string // empty: unanswered
	Calls      int64
}
