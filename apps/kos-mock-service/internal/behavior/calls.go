package behavior

import "time"

// Answer is what a call got.
type Answer struct {
	CallID     int64
	CalledAt   time.Time // as in Call.At
	Status     int       // HTTP
	ResultCode string    // KOS's
}

// CallFilter chooses calls. What is empty or zero is not asked for.
type CallFilter struct {
	Endpoint  Endpoint
	Client    string
	RequestID string
	Line      string    // pseudonym
	Since     time.Time // arrived at or after
}

// CallCount is how many calls got the same answer.
type CallCount struct {
	Status     int    // 0: not answered
	ResultCode string // empty: not answered
	Calls      int64
}
