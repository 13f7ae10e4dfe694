package simulation

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/internal/bubble"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

const (
	activeLines = 5_000
	// warmUp is the number of days before the measured one. They fill the archive.
	warmUp = 7
	// loyal is the share of lines whose final bills an established service has in the
	// archive, except last month's: a login in the month after has prefetched each.
	loyal = 0.9
)

// visitsByHour is the share of a day's visits in each hour in Seoul, in per cent.
var visitsByHour = [24]float64{
	1.2, 0.7, 0.4, 0.3, 0.3, 0.5, 1.2, 2.8, 4.6, 6.2, 6.0, 5.4,
	6.4, 5.4, 5.0, 4.8, 4.9, 5.3, 6.0, 6.4, 7.2, 7.0, 5.2, 2.8,
}

const (
	visitsPerDay = 1.0 // of a line, Poisson
	// On the measured day all customers get a message at nine that the bill is ready. It
	// causes additional visits, fewer with time.
	billingPeak  = 0.3
	billingHour  = 9
	billingDelay = 40 * time.Minute // mean of an exponential distribution
	// Between login and the first inquiry, and between inquiries: lognormal.
	thinkMedian, thinkSigma = 12 * time.Second, 0.8
	nextMedian, nextSigma   = 15 * time.Second, 0.8
	// another is the probability that an inquiry is followed by another one.
	another = 0.4
	// delivery is the delay of a login's event, and lost the share of events that do not
	// arrive.
	delivery = 200 * time.Millisecond
	lost     = 0.01
)

// first and next are the probabilities of the month of an inquiry: this one, last one,
// or one of the four before.
var (
	first = [3]float64{0.85, 0.12, 0.03}
	next  = [3]float64{0.15, 0.55, 0.30}
)

// day is the result of a day.
type day struct {
	mu                              sync.Mutex
	inquiries, waited, stale, fails int
	longest                         time.Duration
}

func (d *day) note(took time.Duration, got bill.Inquiry, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.inquiries++
	if took > 0 { // only KOS takes time
		d.waited++
	}
	if err != nil {
		d.fails++
	}
	if got.Bill.Stale {
		d.stale++
	}
	d.longest = max(d.longest, took)
}

func (d *day) share(part int) float64 { return 100 * float64(part) / float64(d.inquiries) }

// population draws random visits.
type population struct{ *rand.Rand }

func (p population) lognormal(median time.Duration, sigma float64) time.Duration {
	return time.Duration(float64(median) * math.Exp(sigma*p.NormFloat64()))
}

// visits returns the starts of a day's visits, since midnight.
func (p population) visits(peak bool) (starts []time.Duration) {
	for range p.poisson(activeLines * visitsPerDay) {
		hour, at := 0, p.Float64()*sum(visitsByHour[:])
		for ; at > visitsByHour[hour]; hour++ {
			at -= visitsByHour[hour]
		}
		starts = append(starts, time.Duration((float64(hour)+p.Float64())*float64(time.Hour)))
	}
	if peak {
		for range p.poisson(activeLines * billingPeak) {
			starts = append(starts, billingHour*time.Hour+time.Duration(p.ExpFloat64()*float64(billingDelay)))
		}
	}
	slices.Sort(starts)
	return starts
}

// poisson draws a Poisson number, approximated by the normal distribution.
func (p population) poisson(mean float64) int { return int(mean + math.Sqrt(mean)*p.NormFloat64()) }

func sum(all []float64) (total float64) {
	for _, one := range all {
		total += one
	}
	return total
}

// month draws the month of an inquiry.
func (p population) month(law [3]float64) bill.Month {
	months := bill.Window{Months: 6}.Available(time.Now(), "")
	switch at := p.Float64(); {
	case at < law[0]:
		return months[0]
	case at < law[0]+law[1]:
		return months[1]
	}
	return months[2+p.IntN(4)]
}

// visit is a login with its inquiries.
type visit struct {
	line   msisdn.Number
	event  bool // whether the event of the login arrives
	thinks []time.Duration
	months []bill.Month
}

func (p population) visit() visit {
	v := visit{line: number(p.IntN(activeLines)), event: p.Float64() >= lost}
	v.thinks, v.months = []time.Duration{p.lognormal(thinkMedian, thinkSigma)}, []bill.Month{p.month(first)}
	for p.Float64() < another {
		v.thinks = append(v.thinks, p.lognormal(nextMedian, nextSigma))
		v.months = append(v.months, p.month(next))
	}
	return v
}

func number(i int) msisdn.Number {
	const first = 10_0000_0000
	return msisdn.Number("0" + digits(first+i))
}

func digits(n int) string {
	text := ""
	for ; n > 0; n /= 10 {
		text = string(rune('0'+n%10)) + text
	}
	return text
}

// run makes the inquiries of a visit.
func (w *world) run(v visit, d *day) {
	if v.event {
		time.AfterFunc(delivery, func() { _ = w.prefetcher.LoggedIn(context.Background(), holder.ID, []msisdn.Number{v.line}) })
	}
	caller := bill.Caller{UserID: string(v.line), CustomerID: holder.ID, Lines: []msisdn.Number{v.line}}
	for i, month := range v.months {
		bubble.Advance(v.thinks[i])
		start := time.Now()
		got, err := w.use.Inquire(context.Background(), caller, bill.Subject{Line: v.line, Month: month}, false)
		d.note(time.Since(start), got, err)
	}
}

// fillArchive fills the archive as an established service has it.
func (w *world) fillArchive(t *testing.T, p population) {
	t.Helper()
	months := bill.Window{Months: 6}.Available(time.Now(), "")
	for i := range activeLines {
		if p.Float64() >= loyal {
			continue
		}
		for _, month := range months[2:] {
			if err := w.archive.Store(t.Context(), bill.Bill{Line: number(i), Month: month, Final: true, Customer: holder}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// simulate returns the result of the last day, the number of calls of KOS for bills on
// that day, and the most calls within any minute.
func simulate(t *testing.T, policy bill.PrefetchPolicy, established bool) (last *day, calls, most int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		const seed = 7
		p := population{rand.New(rand.NewPCG(seed, 1))}
		serving, stopServing := context.WithCancel(t.Context())
		w := newWorld(serving, policy, rand.New(rand.NewPCG(seed, 2)))
		bubble.Advance(time.Until(time.Date(2026, 11, 10, 0, 0, 0, 0, bill.Seoul)))
		if established {
			w.fillArchive(t, p)
		}
		nights, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() {
			for nights.Err() == nil {
				if err := w.prefetcher.Nightly(nights, perMinute, time.Minute); err != nil {
					t.Error(err)
				}
				bubble.Advance(time.Minute)
			}
		})
		for n := range warmUp + 1 {
			today := &day{}
			last = today
			midnight := time.Now()
			before := w.kos.calls()
			for _, start := range p.visits(n == warmUp) {
				bubble.Advance(time.Until(midnight.Add(start)))
				v := p.visit()
				running.Go(func() { w.run(v, today) })
			}
			bubble.Advance(time.Until(midnight.Add(24 * time.Hour)))
			calls = w.kos.calls() - before
		}
		stop()
		running.Wait()
		stopServing()
		w.queue.Wait()
		bubble.Advance(time.Hour) // the history removes its records
		most = w.kos.most()
	})
	return last, calls, most
}

// TestInquiriesRarelyWaitForKOS checks a product rule: on a day with 5,000 active lines
// at least 95 % of the inquiries are answered without waiting for KOS, within its rate
// limit. README.md has the assumptions.
func TestInquiriesRarelyWaitForKOS(t *testing.T) {
	t.Parallel()
	ahead := bill.PrefetchPolicy{Login: true, Nightly: true, NightlyShare: 0.5}
	for name, c := range map[string]struct {
		policy      bill.PrefetchPolicy
		established bool
		least       float64 // per cent that must not wait
		comparison  bool    // skipped with the race detector
	}{
		"with prefetch":                    {ahead, true, 95, false},
		"with prefetch, in its first week": {ahead, false, 85, true},
		"without prefetch":                 {bill.PrefetchPolicy{}, true, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if raced && c.comparison {
				t.Skip("the race detector makes a minute of each week: `go test -v ./simulation` runs all")
			}
			got, calls, most := simulate(t, c.policy, c.established)
			t.Logf("%d inquiries: %.1f %% without waiting for KOS, %.1f %% of all stale, %d failed, longest wait %s; KOS was called for %d bills, %d within a minute at most",
				got.inquiries, 100-got.share(got.waited), got.share(got.stale), got.fails, got.longest, calls, most)
			if got.inquiries < activeLines || 100-got.share(got.waited) < c.least {
				t.Errorf("less than %v %% of the inquiries did not wait", c.least)
			}
			if most > perMinute {
				t.Errorf("KOS was called %d times within a minute", most)
			}
		})
	}
}
