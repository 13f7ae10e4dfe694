package resources

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// needs are the capabilities of Dapr components that PhoneBill relies on, by component: entries are
// read, written if their ETag matches, and expire. A broker needs none that Dapr describes: dead
// letters are Dapr's own, and consumers neither need order nor mind repetition.
var needs = map[string][]string{
	"session-store": {"crud", "etag", "ttl"},
	"cache-store":   {"crud", "etag", "ttl"},
}

// undescribed are capabilities that a component's description omits. A real daprd reports them:
// see TestSidecarsServeTheirApps.
var undescribed = map[string][]string{"state.redis": {"ttl"}}

func TestBackendsHaveTheNeededCapabilities(t *testing.T) {
	t.Parallel()
	folder := components(t)
	for environment := range environments {
		for _, r := range load(t, "components", environment) {
			if r.Kind != "Component" {
				continue
			}
			given := slices.Concat(describe(t, folder, r.Spec.Type, r.Spec.Version).Capabilities, undescribed[r.Spec.Type])
			if lacks := lacking(r.Metadata.Name, given); len(lacks) > 0 {
				t.Errorf("%s: %s lacks %v for %s", environment, r.Spec.Type, lacks, r.Metadata.Name)
			}
		}
	}
	for component, capabilities := range undescribed {
		for _, capability := range capabilities {
			if slices.Contains(describe(t, folder, component, "v1").Capabilities, capability) {
				t.Errorf("%s is described with %s by now", component, capability)
			}
		}
	}
}

// lacking returns the needed capabilities of a component that are not given, in any case.
func lacking(component string, given []string) []string {
	return slices.DeleteFunc(slices.Clone(needs[component]), func(needed string) bool {
		return slices.ContainsFunc(given, func(one string) bool { return strings.EqualFold(one, needed) })
	})
}

// TestLackingCapabilitiesAreFound checks that the test above can fail.
func TestLackingCapabilitiesAreFound(t *testing.T) {
	t.Parallel()
	folder := components(t)
	for component, want := range map[string]string{
		"state.azure.blobstorage v2": "[ttl]", "state.memcached v1": "[etag]", "state.postgresql v2": "[]", "pubsub.redis v1": "[crud etag]",
	} {
		name, version, _ := strings.Cut(component, " ")
		if got := fmt.Sprint(lacking("session-store", describe(t, folder, name, version).Capabilities)); got != want {
			t.Errorf("%s lacks %s, want %s", component, got, want)
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
		if entry.IsDir() && environments[entry.Name()] == nil {
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
