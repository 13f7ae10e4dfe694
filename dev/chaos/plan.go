package chaos

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"github.com/phonebill/phonebill/dev/chaos/internal/stage"
	"github.com/phonebill/phonebill/dev/internal/kos"
	"github.com/phonebill/phonebill/dev/system"
)

// Size is how big a run is.
type Size struct {
	Changes int
	Kills   int // pauses come on top, one for three kills
}

// Plan is all that is done in a run: with a seed and a size always the same.
type Plan struct {
	Customers [][]Wish   // in their order
	Harms     []Harm     // in their order
	Faults    []kos.Step // of KOS, when it gets an order
}

// Wish is a change that a customer will ask for.
type Wish struct {
	Key   string
	At    time.Duration // not before, from the start of the run
	Pick  int           // chooses among the plans that there are
	Async bool          // do not wait for the outcome
	// Later is a change for a later day. KOS then refuses the line's next one,
	// which nothing but KOS knows beforehand.
	Later bool
}

// Harm is something that is done to a part of the system.
type Harm struct {
	Role  system.Role
	Pause bool          // else it is killed
	After int           // so many changes are accepted
	Delay time.Duration // and so long afterwards
	For   time.Duration // until it is started again, or goes on
}

const (
	// changesEach is how many changes a customer asks for, one after the other.
	changesEach = 4
	// pace is how far apart the changes of all customers are, on average, as
	// long as nothing keeps them.
	pace = 300 * time.Millisecond
)

// NewPlan draws a plan.
func NewPlan(seed uint64, size Size) Plan {
	// Streams of their own: more kills do not change what customers want.
	draw := func(stream uint64) *rand.Rand {
		return rand.New(rand.NewPCG(seed, stream)) //nolint:gosec // it must be possible to draw the same again
	}
	customers := drawCustomers(draw(1), seed, size.Changes)
	return Plan{Customers: customers, Harms: drawHarms(draw(2), size), Faults: drawFaults(draw(3), len(customers))}
}

func drawCustomers(draw *rand.Rand, seed uint64, changes int) [][]Wish {
	customers := make([][]Wish, (changes+changesEach-1)/changesEach)
	until := int64(time.Duration(changes) * pace)
	for i := range changes {
		n := i / changesEach
		customers[n] = append(customers[n], Wish{
			Key: fmt.Sprintf("chaos-%d-%d", seed, i), At: time.Duration(draw.Int64N(until)),
			Pick: draw.IntN(1000), Async: draw.IntN(4) == 0,
		})
	}
	for _, wishes := range customers {
		slices.SortFunc(wishes, func(a, b Wish) int { return cmp.Compare(a.At, b.At) })
		if len(wishes) > 1 && draw.IntN(10) == 0 {
			wishes[len(wishes)-2].Later = true
		}
	}
	return customers
}

// shares are how many of thirty harms are done to each part.
var shares = map[system.Role]int{
	stage.Products: 6, system.Sidecar(stage.Products): 4, stage.KOSMock: 3, system.Sidecar(stage.KOSMock): 3,
	system.Postgres: 4, system.Redis: 2, system.RedisCache: 1, system.Ingress: 2,
	stage.Auth: 2, system.Sidecar(stage.Auth): 1, stage.Bills: 1, system.Sidecar(stage.Bills): 1,
}

// deck holds each part as often as its share, mixed.
func deck(draw *rand.Rand) []system.Role {
	var cards []system.Role
	for role, share := range shares {
		cards = append(cards, slices.Repeat([]system.Role{role}, share)...)
	}
	slices.Sort(cards)
	draw.Shuffle(len(cards), func(i, j int) { cards[i], cards[j] = cards[j], cards[i] })
	return cards
}

func drawHarms(draw *rand.Rand, size Size) []Harm {
	between := func(least, most time.Duration) time.Duration {
		return least + time.Duration(draw.Int64N(int64(most-least)))
	}
	var cards []system.Role
	next := func(after int) Harm {
		if len(cards) == 0 {
			cards = deck(draw)
		}
		harm := Harm{Role: cards[0], After: after, Delay: between(0, time.Second), For: between(0, 4*time.Second)}
		cards = cards[1:]
		return harm
	}
	var harms []Harm
	for range size.Kills {
		harms = append(harms, next(draw.IntN(size.Changes)))
	}
	for range size.Kills / 3 {
		pause := next(draw.IntN(size.Changes))
		pause.Pause, pause.For = true, pause.For+time.Second
		harms = append(harms, pause)
	}
	slices.SortStableFunc(harms, func(a, b Harm) int { return cmp.Compare(a.After, b.After) })
	return harms
}

// faults are what may happen to an order at KOS. A sidecar sends an order three
// times before it gives up: what happens less often nobody but it notices.
var faults = []kos.Step{
	{Drop: true, After: true},
	{Drop: true},
	{Status: http.StatusServiceUnavailable, After: true, Times: 3},
	{Status: http.StatusServiceUnavailable, Times: 3},
	{Status: http.StatusInternalServerError, After: true},
	{LatencyMs: 5000, After: true},
	{Hang: true, After: true, Times: 3},
}

// drawFaults lets every third customer meet a fault.
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
