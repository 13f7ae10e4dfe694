package resources

import (
	"os"
	"testing"

	"github.com/phonebill/phonebill/dev/internal/components"
)

// TestBackendsExist checks types, capabilities and options: Dapr silently ignores unknown options, and
// the schema of a Component accepts any.
func TestBackendsExist(t *testing.T) {
	t.Parallel()
	for environment := range environments {
		set, err := components.Read(repository(t).Path("components", environment))
		if err == nil {
			err = components.CheckBackends(set)
		}
		if err != nil {
			t.Errorf("%s: %v", environment, err)
		}
	}
}

// TestEveryFolderIsTested: a folder of components that environments does not list would not be
// checked.
func TestEveryFolderIsTested(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir(repository(t).Path("components"))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if entry.IsDir() && environments[entry.Name()] == nil && entry.Name() != "alternatives" { // see package components
			t.Errorf("components/%s is not tested", entry.Name())
		}
	}
}

// TestSidecarMetricsHaveFewLabels: with paths as labels, each id would be a series.
func TestSidecarMetricsHaveFewLabels(t *testing.T) {
	t.Parallel()
	for environment := range environments {
		for _, r := range load(t, "components", environment, "configurations") {
			if high := r.Spec.Metrics.HTTP.IncreasedCardinality; high == nil || *high {
				t.Errorf("%s: metrics of %s have paths as labels", environment, r.Metadata.Name)
			}
		}
	}
}
