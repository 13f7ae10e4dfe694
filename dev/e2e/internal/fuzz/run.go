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

	First, Requests int // range of cases
	Workers         int
	World           func(n int) World // current world for the nth case
	Dial            func(service string) Dial
	Host            func(service string) string // host:port
	Judge           *Judge
	// After is called with the answer to each case, and may change the world.
	After func(c Case, r Request, answer Answer)
}

// Report is the result of a run.
type Report struct {
	Requests int
	Statuses map[int]int
	Reached  map[string]map[int]int // by operation: statuses of valid requests, and successes of others
	Slowest  time.Duration
	Faults   []Fault // one of each kind
}

// Fault is a wrong answer.
type Fault struct {
	Case   int
	What   string
	Times  int      // number of similar faults
	Change []string // minimal mutations that reproduce it; nil: a valid request
	Again  bool     // reproduced by the request alone
	Curl   string   // a request that reproduces it
	Answer string
	Name   string // name of the operation

	key string
}

// String formats the fault.
func (f Fault) String() string {
	how := "a valid request"
	if len(f.Change) > 0 {
		how = strings.Join(f.Change, ", ")
	}
	if !f.Again {
		how += "; not reproduced alone"
	}
	return fmt.Sprintf("case %d, %s: %s (%d times)\n\tby %s\n\t%s\n\t%s", f.Case, f.Name, f.What, f.Times, how, f.Curl, f.Answer)
}

const (
	// maxFaults is the maximum number of kinds of faults that are analysed.
	maxFaults = 500
	// maxAlike is the maximum number of operations for which the same mutations are reported.
	maxAlike = 3
)

// Do performs the run. It ends early with the context.
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

// worker sends requests sequentially.
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

// try sends the request of a case and analyses a wrong answer.
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

// send sends a request and returns the answer and its fault, or "".
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

// shrink removes the mutations that a fault does not need, and reports whether the fault was
// reproduced.
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

// numbers matches text that differs among similar faults.
var numbers = regexp.MustCompile(`[0-9a-f-]{5,}|[0-9.]+m?s`)

// kind returns the common part of similar faults.
func kind(fault string) string { return fmt.Sprintf("%.120s", numbers.ReplaceAllString(fault, "…")) }

func key(c Case, fault string) string { return c.Operation.Name() + " " + kind(fault) }

// mask replaces the caller's secrets in a text.
func (c Caller) mask(text string) string {
	if c.Token != "" {
		text = strings.ReplaceAll(text, c.Token, "<token of "+c.Name+">")
	}
	for _, field := range c.Credential {
		text = strings.ReplaceAll(text, field.Value, "<"+field.Name+" of "+c.Name+">")
	}
	for name, value := range c.Known {
		if len(value) > maxKnown {
			text = strings.ReplaceAll(text, value, "<"+name+" of "+c.Name+">")
		}
	}
	return text
}

// maxKnown limits the length of non-secret values: passwords of users created by the run are not
// secret, tokens are.
const maxKnown = 40

// recorder collects the report of several workers.
type recorder struct {
	mu     sync.Mutex
	report Report
	kinds  map[string]int // number of faults of a kind, by operation
	alike  map[string]int // number of operations, by mutations
}

func (r *recorder) note(c Case, answer Answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Requests++
	r.report.Statuses[answer.Status]++
	r.report.Slowest = max(r.report.Slowest, answer.Took)
	// A mutated request may still be valid. (204 is the answer to OPTIONS.)
	if c.Valid() || answer.Status/100 == 2 && answer.Status != http.StatusNoContent {
		name := c.Operation.Service + " " + c.Operation.Name()
		if r.report.Reached[name] == nil {
			r.report.Reached[name] = map[int]int{}
		}
		r.report.Reached[name][answer.Status]++
	}
}

// isNew counts a fault and reports whether its kind is new.
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

// result returns the report after all workers have ended.
func (r *recorder) result() Report {
	for i, fault := range r.report.Faults {
		r.report.Faults[i].Times = r.kinds[fault.key]
	}
	slices.SortFunc(r.report.Faults, func(a, b Fault) int { return a.Case - b.Case })
	return r.report
}
