package checks

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"

	"github.com/phonebill/phonebill/dev/internal/goals"
)

// judged are the benchmarks that have goals, but those of the whole system: the flags and the package of each
// `go test`.
var judged = [][]string{
	{"-bench=^Benchmark(WarmInquiry|StaleInquiry|TracedWarmInquiry)$", "-benchtime=2x", "./apps/bill-inquiry-service/componenttest"},
	{"-bench=^BenchmarkLevels$", "./apps/internal/cache"},
	{"-bench=^BenchmarkWaiting$", "-benchtime=1x", "./apps/internal/kos/queue"},
}

// Bench runs the benchmarks that have goals, six times each, prints how their medians compare to their
// goals, and returns goals.ErrMissed if one is missed by more than noise. With args it runs `go test` with
// them and no tests instead, and compares what has goals.
func Bench(ctx context.Context, args []string) error {
	w, err := open(ctx)
	if err != nil {
		return err
	}
	runs := judged
	if len(args) > 0 {
		runs = [][]string{args}
	}
	var commands [][]string
	for _, run := range runs {
		commands = append(commands, append([]string{"test", "-p=1", "-run=^$", "-benchmem", "-count=6", "-timeout=30m"}, run...))
	}
	var output bytes.Buffer
	w.stdout = io.MultiWriter(os.Stdout, &output)
	failed := w.withServers(ctx, commands...)
	err = goals.Check(&output, os.Stdout)
	if len(args) > 0 && errors.Is(err, goals.ErrNone) {
		err = nil
	}
	return errors.Join(failed, err)
}
