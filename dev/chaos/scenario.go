package chaos

import (
	"context"
	"time"

	"github.com/phonebill/phonebill/dev/internal/kos"
)

// Scenario is a load, the faults during it, and what must hold.
type Scenario struct {
	Name        string
	Description string   // of the faults, for the report
	Env         []string // of the services
	// Behaviors are KOS's behaviours by endpoint from the beginning, instead of kos.Calm.
	Behaviors map[string]kos.Behavior

	// Regulars each send a request every Pace for what they have read before the run: the kinds of
	// Asks in turn.
	Regulars int
	Pace     time.Duration
	Asks     []string
	// Newcomers arrive every Every, in the quiet phase and during the trouble. With Crowd they
	// arrive during the trouble only, Crowd of them, each with another line.
	Every time.Duration
	Crowd int
	// Changes are the plan changes of each customer, in order.
	Changes [][]ChangeRequest

	// Quiet is the duration of the phase before the trouble, For that of the trouble, and After the
	// minimum duration of the recovery phase.
	Quiet, For, After time.Duration
	// ColdCaches clears all caches when the trouble begins.
	ColdCaches bool
	// Disruptions of parts of the system, in order, and the Trouble of KOS or Redis.
	Disruptions []Disruption
	Trouble     Trouble
	// begin starts the faults, and returns when they have ended or continue by themselves.
	begin func(r *run, ctx context.Context) error

	Bounds Bounds
	// table returns a report as a Markdown table.
	table func(r Report) string
}

// Trouble is a fault of KOS or Redis.
type Trouble struct {
	KOS  string // name of a KOS trouble; empty for none
	Line bool   // affects the first newcomer's line only
	// Redis is true if Redis is killed and stays down.
	Redis bool
}

// Bounds must hold in addition to the general rules: every regular is answered, every newcomer
// eventually, and changes are neither lost nor doubled. Zero fields are not checked.
type Bounds struct {
	// Longest bounds the duration of every answer.
	Longest time.Duration
	// SoftTimeout bounds the regulars' 99th percentile during the trouble.
	SoftTimeout time.Duration
	// Refusal bounds the median duration of newcomers' refusals during the trouble.
	Refusal time.Duration
	// Slower bounds the ratio of the regulars' medians during and before the trouble, Tail that of
	// the 99th percentiles.
	Slower, Tail float64
	// Stale requires stale answers during the trouble. Unmarked bounds the age of answers for this
	// month that are not marked stale.
	Stale    bool
	Unmarked time.Duration
	// Fresh bounds the time from the end of the trouble to the last stale answer.
	Fresh time.Duration
	// Calls bounds the calls that reach KOS during the trouble. If Limited, Throttled bounds the
	// 429 answers in the whole run, and Busiest the bill inquiries within any minute.
	Calls     int
	Limited   bool
	Throttled int
	Busiest   int
	// Served bounds the time from the start of the trouble to the last newcomer's bill.
	Served time.Duration
	// Once requires that a newcomer who retries after Retry-After finds the bill.
	Once bool
	// AllServed requires that no newcomer is refused, OthersServed that only the bad line's
	// newcomer is.
	AllServed, OthersServed bool
	// Flat requires that goroutines and memory do not grow.
	Flat bool
	// SameParts requires that no part was restarted, and that logins work again.
	SameParts bool
	// Final bounds the time from the end of the trouble, or from its acceptance if that was later,
	// until a change is final.
	Final time.Duration
	// InOrder requires that all changes are completed, in the order of acceptance. Orders bounds the
	// orders within any minute.
	InOrder bool
	Orders  int
}
