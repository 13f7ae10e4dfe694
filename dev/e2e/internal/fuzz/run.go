package fuzz

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Run sends requests.
type Run struct {
	Generator

	First, Requests int // of the cases
	Workers         int
	World           func(n int) World // as it is now, for the nth case
	Dial            func(service string) Dial
	Host            func(service string) string // host:port
	Judge           *Judge
	// After looks at what came of a case, and may change the world.
	After func(c Case, r Request, answer Answer)
}

// Report is what came of a run.
type Report struct {
	Requests int
	Statuses map[int]int
	Reached  map[string]map[int]int // statuses of valid requests, and successes of others, by operation
	Slowest  time.Duration
	Faults   []Fault // each kind once
}

// Fault is what is wrong with an answer.
type Fault struct {
	Case   int
	What   string
	Times  int      // how often the like was found
	Change []string // what it takes to find it; nil: a valid request
	Again  bool     // it was found again by the request alone
	Curl   string   // a request that finds it
	Answer string
	Name   string // of the operation

	key string
}

// String tells about the fault.
func (f Fault) String() string {
	how := "a valid request"
	if len(f.Change) > 0 {
		how = strings.Join(f.Change, ", ")
	}
	if !f.Again {
		how += "; not found again alone"
	}
	return fmt.Sprintf("case %d, %s: %s (%d times)\n\tby %s\n\t%s\n\t%s", f.Case, f.Name, f.What, f.Times, how, f.Curl, f.Answer)
}

const (
	// maxFaults is how many kinds of faults are looked into.
	maxFaults = 500
	// maxAlike is of how many operations a fault is told that the same mutations find.
	maxAlike = 3
)

// Do makes the run. It ends early if the context does.
func (r *Run) Do(ctx context.Context) Report {
	recorder := &recorder{report: Report{Statuses: map[int]int{}, Reached: map[string]map[int]int{}}, kinds: map[string]int{}, alike: map[string]int{}}
	var (
		next    atomic.Int64
		workers sync.WaitGroup
	)
	for range r.Workers {
		workers.Go(func() {
			w := worker{Run: r, recorder: recorder, clients: map[string]*client{}}
			defer w.close()
			for n := int(next.Add(1)) - 1; n < r.Requests && ctx.Err() == nil; n = int(next.Add(1)) - 1 {
				w.try(ctx, r.Case(r.First+n, r.World(r.First+n)))
			}
		})
	}
	workers.Wait()
	return recorder.result()
}

// worker makes one request after the other.
type worker struct {
	*Run

	recorder *recorder
	clients  map[string]*client // by service
}

func (w *worker) close() {
	for _, client := range w.clients {
		client.close()
	}
}

// try makes the request of a case and looks into what is wrong with the answer.
func (w *worker) try(ctx context.Context, c Case) {
	request := c.Request()
	answer, fault := w.send(ctx, c, request)
	if ctx.Err() != nil {
		return
	}
	w.recorder.note(c, answer)
	if w.After != nil {
		w.After(c, request, answer)
	}
	if fault == "" || !w.recorder.isNew(c, fault) {
		return
	}
	shrunk, again := w.shrink(ctx, c, kind(fault))
	if again {
		request = shrunk.Request()
	}
	w.recorder.add(Fault{
		Case: c.N, Name: c.Operation.Service + " " + c.Operation.Name(), What: fault, Change: shrunk.Names(), Again: again,
		Curl:   c.Caller.mask(request.Curl("http://" + w.Host(c.Operation.Service))),
		Answer: c.Caller.mask(fmt.Sprintf("%d %.600s", answer.Status, answer.Body)),
	}, key(c, fault))
}

// send makes a request and returns the answer and what is wrong with it, or "".
func (w *worker) send(ctx context.Context, c Case, request Request) (Answer, string) {
	service := c.Operation.Service
	if w.clients[service] == nil {
		w.clients[service] = &client{host: w.Host(service), dial: w.Dial(service)}
	}
	answer, err := w.clients[service].do(ctx, request)
	if err != nil {
		return answer, "has no answer: " + err.Error()
	}
	return answer, w.Judge.Fault(c, request, answer)
}

// shrink returns the case without the mutations that a fault of a kind does not
// need, and whether the fault is found again at all.
func (w *worker) shrink(ctx context.Context, c Case, sought string) (Case, bool) {
	found := func(c Case) bool {
		_, fault := w.send(ctx, c, c.Request())
		return fault != "" && kind(fault) == sought
	}
	if !found(c) {
		return c, false
	}
	for i := len(c.Mutations) - 1; i >= 0; i-- {
		if without := c.Without(i); found(without) {
			c = without
		}
	}
	return c, true
}

// numbers differ among faults of a kind.
var numbers = regexp.MustCompile(`[0-9a-f-]{5,}|[0-9.]+m?s`)

// kind returns what faults that are alike have in common.
func kind(fault string) string { return fmt.Sprintf("%.120s", numbers.ReplaceAllString(fault, "…")) }

func key(c Case, fault string) string { return c.Operation.Name() + " " + kind(fault) }

// mask returns a text without what only the caller may know.
func (c Caller) mask(text string) string {
	if c.Token != "" {
		text = strings.ReplaceAll(text, c.Token, "<token of "+c.Name+">")
	}
	for _, field := range c.Badge {
		text = strings.ReplaceAll(text, field.Value, "<"+field.Name+" of "+c.Name+">")
	}
	for name, value := range c.Known {
		if len(value) > maxKnown {
			text = strings.ReplaceAll(text, value, "<"+name+" of "+c.Name+">")
		}
	}
	return text
}

// maxKnown is how long what everybody may read can be: a password of the users that
// the run has made is no secret, a token is one.
const maxKnown = 40

// recorder writes the report of several workers.
type recorder struct {
	mu     sync.Mutex
	report Report
	kinds  map[string]int // how often a kind of fault was found, by operation
	alike  map[string]int // of how many operations, by what it takes
}

func (r *recorder) note(c Case, answer Answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Requests++
	r.report.Statuses[answer.Status]++
	r.report.Slowest = max(r.report.Slowest, answer.Took)
	// A mutation may leave a request good. (204 is what OPTIONS gets.)
	if c.Valid() || answer.Status/100 == 2 && answer.Status != http.StatusNoContent {
		name := c.Operation.Service + " " + c.Operation.Name()
		if r.report.Reached[name] == nil {
			r.report.Reached[name] = map[int]int{}
		}
		r.report.Reached[name][answer.Status]++
	}
}

// isNew counts a fault and reports whether its kind was not found before.
func (r *recorder) isNew(c Case, fault string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kinds[key(c, fault)]++
	return r.kinds[key(c, fault)] == 1 && len(r.kinds) <= maxFaults
}

func (r *recorder) add(fault Fault, key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	like := kind(fault.What) + strings.Join(fault.Change, ",")
	if r.alike[like]++; r.alike[like] > maxAlike {
		return
	}
	fault.key = key
	r.report.Faults = append(r.report.Faults, fault)
}

// result returns the report, when all is done.
func (r *recorder) result() Report {
	for i, fault := range r.report.Faults {
		r.report.Faults[i].Times = r.kinds[fault.key]
	}
	slices.SortFunc(r.report.Faults, func(a, b Fault) int { return a.Case - b.Case })
	return r.report
}
