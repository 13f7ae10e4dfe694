package goals

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// runs returns the output of a benchmark that had these values of a metric, with a goal.
func runs(goal string, values ...float64) string {
	lines := "goos: linux\npkg: example.com/warm\n"
	for _, value := range values {
		lines += fmt.Sprintf("BenchmarkWarm/64-clients-2 \t 5\t %g ratio\t %s:ratio\t 99 other\n", value, goal)
	}
	return lines + "PASS\nok  \texample.com/warm\t3.1s\n"
}

func TestGoals(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		output, result string
		missed         bool
	}{
		"at least, met":         {runs("0.4 min", 0.41, 0.44, 0.42, 0.5, 0.41, 0.43), "met", false},
		"at least, missed":      {runs("0.4 min", 0.31, 0.34, 0.32, 0.39, 0.31, 0.33), "missed", true},
		"at least, on the goal": {runs("0.4 min", 0.39, 0.41, 0.40, 0.42, 0.38, 0.43), "unclear", false},
		"at most, met":          {runs("1.2 max", 1.1, 1.0, 1.2, 1.15, 1.1, 1.0), "met", false},
		"at most, missed":       {runs("1.2 max", 1.3, 1.4, 1.25, 1.5, 1.3, 1.21), "missed", true},
		"at most, on the goal":  {runs("1.2 max", 1.1, 1.3, 1.2, 1.1, 1.4, 1.25), "unclear", false},
		"one run":               {runs("0.4 min", 0.1), "unclear", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var table strings.Builder
			err := Check(strings.NewReader(test.output), &table)
			if errors.Is(err, ErrMissed) != test.missed || !test.missed && err != nil {
				t.Errorf("the error is %v", err)
			}
			rows := strings.Split(strings.TrimSpace(table.String()), "\n")
			if len(rows) != 2 || !strings.Contains(rows[1], "Warm/64-clients") || !strings.HasSuffix(rows[1], "  "+test.result) {
				t.Errorf("the table is\n%s", table.String())
			}
		})
	}
}

func TestOutputWithoutGoals(t *testing.T) {
	t.Parallel()
	for _, output := range []string{"", "BenchmarkWarm-2 \t 5\t 0.3 ratio\n", "BenchmarkWarm-2 \t 5\t 0.3 min:ratio\n"} {
		if err := Check(strings.NewReader(output), &strings.Builder{}); !errors.Is(err, ErrNone) {
			t.Errorf("%q: %v", output, err)
		}
	}
}
