package load

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
)

// comparison are the medians of the rounds with the same name.
type comparison struct {
	name                           string
	rounds                         int
	perSecond, lowest, highest     float64
	perRequest, perRequestOfSystem float64 // CPU in µs, with the generator and without
}

// comparisons returns the medians if rounds have been repeated: pairs of what is compared.
func (r Report) comparisons() (all []comparison) {
	rounds := map[string][]RoundReport{}
	for _, round := range r.Rounds {
		if rounds[round.Name] == nil {
			all = append(all, comparison{name: round.Name})
		}
		rounds[round.Name] = append(rounds[round.Name], round)
	}
	if len(all) == len(r.Rounds) {
		return nil
	}
	for i := range all {
		c := &all[i]
		c.rounds = len(rounds[c.name])
		c.lowest, c.perSecond, c.highest = spread(rounds[c.name], func(r RoundReport) float64 { return r.PerSecond })
		_, c.perRequest, _ = spread(rounds[c.name], func(r RoundReport) float64 { return r.cpu(true) })
		_, c.perRequestOfSystem, _ = spread(rounds[c.name], func(r RoundReport) float64 { return r.cpu(false) })
	}
	return all
}

// spread returns the lowest, the median and the highest value of rounds.
func spread(rounds []RoundReport, of func(RoundReport) float64) (lowest, median, highest float64) {
	values := make([]float64, len(rounds))
	for i, round := range rounds {
		values[i] = of(round)
	}
	slices.Sort(values)
	return values[0], values[len(values)/2], values[len(values)-1]
}

// cpu returns the CPU time of a request in all parts, in µs.
func (round RoundReport) cpu(withGenerator bool) (total float64) {
	for _, part := range round.Parts {
		if part.Role != Generator || withGenerator {
			total += part.PerRequest
		}
	}
	return total
}

// writeComparisons writes the medians of pairs, and the ratio of each second one to the first one.
func (r Report) writeComparisons(text *strings.Builder) {
	all := r.comparisons()
	if len(all) == 0 {
		return
	}
	table := tabwriter.NewWriter(text, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(table, "\nmedians\trounds\trequests/s\tlowest\thighest\tratio\tCPU µs/request\twithout generator\t")
	for i, c := range all {
		_, _ = fmt.Fprintf(table, "%s\t%d\t%.0f\t%.0f\t%.0f\t%.2f\t%.0f\t%.0f\t\n",
			c.name, c.rounds, c.perSecond, c.lowest, c.highest, c.perSecond/all[i-i%2].perSecond, c.perRequest, c.perRequestOfSystem)
	}
	_ = table.Flush()
}
