package load

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// meter records the requests of a round.
type meter struct {
	mu    sync.Mutex
	steps map[Step]*tally
}

func newMeter() *meter { return &meter{steps: map[Step]*tally{}} }

// tally are the records of a step. Times are in microseconds, from the time at which a request was
// due: if the generator or a slow answer delays requests, their times contain the delay.
type tally struct {
	answers   *hdrhistogram.Histogram // of each request
	waits     *hdrhistogram.Histogram // until the step was done, with all repetitions
	kinds     map[string]int          // answers by status and code
	refused   int                     // answers with Retry-After
	failed    int                     // steps without success
	abandoned int                     // steps that were not done at the end
}

// longest is the maximum of the histograms; three digits are exact.
const longest, digits = time.Hour, 3

func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, longest.Microseconds(), digits)
}

// update calls change with the tally of a step.
func (m *meter) update(step Step, change func(t *tally)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.steps[step] == nil {
		m.steps[step] = &tally{answers: newHistogram(), waits: newHistogram(), kinds: map[string]int{}}
	}
	change(m.steps[step])
}

// answered records the answer to a request.
func (m *meter) answered(step Step, took time.Duration, got reply) {
	m.update(step, func(t *tally) {
		_ = t.answers.RecordValue(min(took, longest).Microseconds())
		t.kinds[got.kind]++
		if got.refused() {
			t.refused++
		}
	})
}

// finished records the end of a step.
func (m *meter) finished(step Step, took time.Duration, got reply) {
	m.update(step, func(t *tally) {
		_ = t.waits.RecordValue(min(took, longest).Microseconds())
		if !got.succeeded() {
			t.failed++
		}
	})
}

// abandoned records a step that was not done at the end.
func (m *meter) abandoned(step Step) { m.update(step, func(t *tally) { t.abandoned++ }) }

// String returns the number of answers of each kind.
func (m *meter) String() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	kinds := map[string]int{}
	for _, t := range m.steps {
		for kind, n := range t.kinds {
			kinds[kind] += n
		}
	}
	return describe(kinds)
}

// describe formats counts, the most frequent first.
func describe(counts map[string]int) string {
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(counts[b]-counts[a], strings.Compare(a, b))
	})
	for i, name := range names {
		names[i] = fmt.Sprintf("%d × %s", counts[name], name)
	}
	return strings.Join(names, ", ")
}
