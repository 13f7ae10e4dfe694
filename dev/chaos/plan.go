package chaos

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"github.com/phonebill/phonebill/dev/internal/kos"
	"github.com/phonebill/phonebill/dev/internal/stage"
	"github.com/phonebill/phonebill/dev/system"
)

// Size is the size of a run.
type Size struct {
	Changes int
	Kills   int // pauses are additional, one for three kills
}

// Plan is everything that is done in a run. It depends on seed and size only.
type Plan struct {
	Customers   [][]ChangeRequest // in order
	Disruptions []Disruption      // in order
	Faults      []kos.Step        // of KOS, when it gets an order
}

// ChangeRequest is a change that a customer will request.
type ChangeRequest struct {
	Key   string
	At    time.Duration // earliest time, from the start of the run
	Pick  int           // chooses among the available plans
	Async bool          // respond-async
	// Later is a scheduled change. KOS refuses the line's next change, which only KOS knows.
	Later bool
}

// Disruption is a disruption of a part of the system.
type Disruption struct {
	Role  system.Role
	Pause bool          // otherwise it is killed
	After int           // when so many changes are accepted
	Delay time.Duration // additional delay
	For   time.Duration // until it is restarted or resumed
}

const (
	// changesEach is the number of sequential changes of each customer.
	changesEach = 4
	// changePace is the average interval between changes of all customers without disruptions.
	changePace = 300 * time.Millisecond
)

// NewPlan generates a plan.
func NewPlan(seed uint64, size Size) Plan {
	// Separate random streams: more kills do not change the customers' requests.
	draw := func(stream uint64) *rand.Rand {
		return rand.New(rand.NewPCG(seed, stream)) //nolint:gosec // it must be reproducible
	}
	customers := drawCustomers(draw(1), seed, size.Changes)
	return Plan{Customers: customers, Disruptions: drawHarms(draw(2), size), Faults: drawFaults(draw(3), len(customers))}
}

func drawCustomers(draw *rand.Rand, seed uint64, changes int) [][]ChangeRequest {
	customers := make([][]ChangeRequest, (changes+changesEach-1)/changesEach)
	until := int64(time.Duration(changes) * changePace)
	for i := range changes {
		n := i / changesEach
		customers[n] = append(customers[n], ChangeRequest{
			Key: fmt.Sprintf("chaos-%d-%d", seed, i), At: time.Duration(draw.Int64N(until)),
			Pick: draw.IntN(1000), Async: draw.IntN(4) == 0,
		})
	}
	for _, requests := range customers {
		slices.SortFunc(requests, func(a, b ChangeRequest) int { return cmp.Compare(a.At, b.At) })
		if len(requests) > 1 && draw.IntN(10) == 0 {
			requests[len(requests)-2].Later = true
		}
	}
	return customers
}

// shares are the disruptions of each part among thirty.
var shares = map[system.Role]int{
	stage.Products: 6, system.Sidecar(stage.Products): 4, stage.KOSMock: 3, system.Sidecar(stage.KOSMock): 3,
	system.Postgres: 4, system.Redis: 2, system.RedisCache: 1, system.Ingress: 2,
	stage.Auth: 2, system.Sidecar(stage.Auth): 1, stage.Bills: 1, system.Sidecar(stage.Bills): 1,
}

// deck returns each part as often as its share, shuffled.
func deck(draw *rand.Rand) []system.Role {
	var cards []system.Role
	for role, share := range shares {
		cards = append(cards, slices.Repeat([]system.Role{role}, share)...)
	}
	slices.Sort(cards)
	draw.Shuffle(len(cards), func(i, j int) { cards[i], cards[j] = cards[j], cards[i] })
	return cards
}

func drawHarms(draw *rand.Rand, size Size) []Disruption {
	between := func(least, most time.Duration) time.Duration {
		return least + time.Duration(draw.Int64N(int64(most-least)))
	}
	var cards []system.Role
	next := func(after int) Disruption {
		if len(cards) == 0 {
			cards = deck(draw)
		}
		disrupt := Disruption{Role: cards[0], After: after, Delay: between(0, time.Second), For: between(0, 4*time.Second)}
		cards = cards[1:]
		return disrupt
	}
	var disruptions []Disruption
	for range size.Kills {
		disruptions = append(disruptions, next(draw.IntN(size.Changes)))
	}
	for range size.Kills / 3 {
		pause := next(draw.IntN(size.Changes))
		pause.Pause, pause.For = true, pause.For+time.Second
		disruptions = append(disruptions, pause)
	}
	slices.SortStableFunc(disruptions, func(a, b Disruption) int { return cmp.Compare(a.After, b.After) })
	return disruptions
}

// faults are possible faults of an order at KOS. A sidecar sends an order three times before it
// gives up, so that rarer faults are invisible to the service.
var faults = []kos.Step{
	{Drop: true, After: true},
	{Drop: true},
	{Status: http.StatusServiceUnavailable, After: true, Times: 3},
	{Status: http.StatusServiceUnavailable, Times: 3},
	{Status: http.StatusInternalServerError, After: true},
	{LatencyMs: 5000, After: true},
	{Hang: true, After: true, Times: 3},
}

// drawFaults returns a fault for every third customer.
func drawFaults(draw *rand.Rand, customers int) []kos.Step {
	var steps []kos.Step
	for n := range customers {
		if draw.IntN(3) == 0 {
			step := faults[draw.IntN(len(faults))]
			step.Line = stage.Line(n)
			steps = append(steps, step)
		}
	}
	return steps
}
