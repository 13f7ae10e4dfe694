package load

import (
	"context"
	"time"

	"github.com/phonebill/phonebill/dev/internal/kos"
)

// Scenario is a load on an empty system, and what must hold.
type Scenario struct {
	Name, Description string
	Users             int
	Env               []string // of the services
	// Sync is true if no user sends Prefer: respond-async; otherwise half of them do.
	Sync bool
	// Preload fetches the customer and plan of every line by the service's command.
	Preload bool
	// WarmUp is a round that is not measured, with a KOS that answers at once.
	WarmUp Round
	// Behaviors are KOS's behaviours during the measured rounds, instead of kos.Calm.
	Behaviors map[string]kos.Behavior
	Rounds    []Round
	Bounds    Bounds
}

// Bounds must hold for the last round, and do not depend on the speed of the machine.
type Bounds struct {
	// Once requires that KOS answers at most one inquiry of each line.
	Once bool
	// NoRefusals requires that no request is refused with Retry-After.
	NoRefusals bool
	// Stale requires that all answers are stale.
	Stale bool
}

// Round is a load, with measurements of its own.
type Round struct {
	Name  string
	Visit []Act
	// Users is the number of users; 0 means all.
	Users int
	// Spread is the time over which the users start.
	Spread time.Duration
	// In the closed model, a user pauses after an answer for a random time with the mean Think. In
	// the open model, a user acts every Every, however long answers take.
	Think, Every time.Duration
	// For is the time during which new requests are sent, counted from the start of the round; 0
	// means one visit of each user.
	For time.Duration
	// Patience is how long users repeat what is refused or pending if there is no For.
	Patience time.Duration
	// AtOnce is how many users act at a time, each when an earlier one has finished; 0 means all.
	AtOnce int
	// Direct sends requests to the services instead of the ingress.
	Direct bool
	// before prepares the round, and is not measured.
	before func(ctx context.Context, r *run) error
}

// Act is a step of a visit, and the share of visits that contain it.
type Act struct {
	Step  Step
	Share float64
}

// Visits of a customer. A visit begins with the first screen.
var (
	FirstScreen = []Act{{Customer, 1}, {Menu, 1}}
	// Usual has 95 % of reads.
	Usual = []Act{
		{Customer, 1}, {Menu, 1}, {Inquiry, 1}, {Month, 0.7}, {Inquiry, 0.7}, {History, 0.4},
		{Plans, 0.4}, {Check, 0.2}, {Change, 0.002},
	}
	// Plain is another mix than Usual: mostly inquiries.
	Plain = []Act{{Menu, 1}, {Inquiry, 1}, {Inquiry, 1}, {Month, 1}, {History, 1}}
	// all reads everything once.
	all = []Act{{Login, 1}, {Customer, 1}, {Menu, 1}, {Inquiry, 1}, {Month, 1}, {Plans, 1}}
)

const (
	// warmUpAtOnce is the number of users that warm up at a time. Many more would fill the queues of
	// calls of KOS.
	warmUpAtOnce = 48
	// patience is how long users wait if a round does not tell.
	patience = 10 * time.Minute
)

// cheapLogins are environment variables with which a login costs no 50 ms of CPU: a password hash
// of the least memory. It is for scenarios that do not measure logins.
var cheapLogins = []string{"PASSWORD_MEMORY_KIB=8", "PASSWORD_ITERATIONS=1"}

// quiet are environment variables without calls of KOS in the background.
var quiet = []string{"PREFETCH_ENABLED=false", "NIGHTLY_REFRESH_ENABLED=false"}

// ample are environment variables without budgets of KOS calls. Use them with a KOS without limits.
var ample = []string{
	"KOS_CHANGE_PER_MINUTE=60000", "KOS_CHANGE_STATUS_PER_MINUTE=60000", "KOS_PRODUCT_INQUIRY_PER_MINUTE=60000",
	"KOS_PRODUCTS_PER_MINUTE=60000", "KOS_BILL_INQUIRY_PER_MINUTE=60000",
}

// realistic are KOS's latencies, faults and limits.
func realistic(limited bool) map[string]kos.Behavior {
	limits := map[string]int{
		kos.Auth: 200, kos.BillInquiry: 100, kos.ProductInquiry: 100, kos.Products: 100, kos.ProductChange: 50, kos.ChangeStatus: 200,
	}
	behaviors := map[string]kos.Behavior{}
	for endpoint, limit := range limits {
		b := kos.Behavior{Latency: kos.Latency{Min: 200, Max: 500}, ErrorShare: 0.005}
		if limited {
			b.LimitPerMinute = limit
		}
		behaviors[endpoint] = b
	}
	return behaviors
}

// instant is a KOS without latencies.
var instant = map[string]kos.Behavior{kos.BillInquiry: {}, kos.ProductInquiry: {}, kos.Products: {}}

// warmUp is the round in which all users log in and read everything once.
var warmUp = Round{Name: "warm-up", Visit: all, AtOnce: warmUpAtOnce}
