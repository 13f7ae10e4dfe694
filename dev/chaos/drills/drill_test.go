package drills

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestFind(t *testing.T) {
	t.Parallel()
	var names []string
	for _, drill := range All {
		found, err := Find(drill.Name)
		if err != nil || found.Description != drill.Description || slices.Contains(names, drill.Name) {
			t.Errorf("%s: %v", drill.Name, err)
		}
		names = append(names, drill.Name)
		if drill.Quiet == 0 || drill.For < time.Second || drill.Bounds.Longest == 0 {
			t.Errorf("%s has no bounds", drill.Name)
		}
	}
	if _, err := Find("mumps"); err == nil || !strings.Contains(err.Error(), "hang") {
		t.Errorf("an unknown one: %v", err)
	}
}

func TestEnvKeepsRequiredLimits(t *testing.T) {
	t.Parallel()
	const raised = "KOS_BILL_INQUIRY_PER_MINUTE=3000"
	for _, drill := range append(All, Short()) {
		env := drill.env()
		if slices.Contains(env, raised) == drill.RealLimit || !slices.Contains(env, "PREFETCH_ENABLED=false") {
			t.Errorf("%s: %v", drill.Name, env)
		}
	}
}

func TestReadGauge(t *testing.T) {
	t.Parallel()
	const metrics = "# HELP go_goroutines Number\ngo_goroutines 42\nprocess_resident_memory_bytes 5.24288e+07\n"
	gauge, err := readGauge(strings.NewReader(metrics), began)
	if err != nil || gauge != (Gauge{began, 42, 50 << 20}) {
		t.Errorf("%+v, %v", gauge, err)
	}
	for _, wrong := range []string{"", "go_goroutines 42\n", strings.Replace(metrics, "42", "many", 1)} {
		if _, err := readGauge(strings.NewReader(wrong), began); err == nil {
			t.Errorf("%q has no error", wrong)
		}
	}
}

func TestEachKeepsTheOrder(t *testing.T) {
	t.Parallel()
	got, err := each(t.Context(), 100, func(n int) (int, error) { return n * n, nil })
	if err != nil || len(got) != 100 || got[7] != 49 || got[99] != 9801 {
		t.Errorf("%v, %v", got, err)
	}
	broken := errors.New("broken")
	if _, err := each(t.Context(), 3, func(n int) (int, error) { return n, broken }); !errors.Is(err, broken) {
		t.Errorf("an error is lost: %v", err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := each(ended, 3, func(n int) (int, error) { return n, nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("after its end: %v", err)
	}
}
