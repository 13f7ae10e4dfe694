// Package metricstest checks the metrics that a service registers against the list of
// them in its folder, from which dev/docs/metrics.md is generated.
package metricstest

import (
	"cmp"
	"encoding/json"
	"flag"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	diff "github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
)

var update = flag.Bool("update", false, "write the list of metrics anew")

// Metric is a metric as registered.
type Metric struct {
	Name   string   `json:"name"`
	Help   string   `json:"help"`
	Labels []string `json:"labels"`
}

// bounded are the labels that metrics may have. The code, not a client, decides about
// their values; README.md of dev/docs says how many there are.
var bounded = []string{
	"class", "client", "code", "endpoint", "how", "kind", "level", "method", "op", "outcome", "pool", "reason", "route", "state",
	"status", "type", "version", "what",
}

// Check fails if the metrics of registry are not those listed in the file, if the name of
// one does not follow the scheme, or if it has a label that is not known to be bounded.
func Check(t *testing.T, registry *prometheus.Registry, file string) {
	t.Helper()
	registered := described(t, registry)
	for _, metric := range registered {
		if !strings.HasPrefix(metric.Name, "phonebill_") || metric.Help == "" {
			t.Errorf("%s: the name does not begin with phonebill_, or there is no help", metric.Name)
		}
		for _, label := range metric.Labels {
			if !slices.Contains(bounded, label) {
				t.Errorf("%s: the label %s may have any number of values", metric.Name, label)
			}
		}
	}
	if *update {
		write(t, file, registered)
	}
	if found := diff.Diff(read(t, file), registered); found != "" {
		t.Errorf("%s is out of date, run `make docs` (-listed +registered):\n%s", file, found)
	}
}

// described returns the metrics of a registry, also those without values, but for those of
// the Go runtime and the process.
func described(t *testing.T, registry *prometheus.Registry) []Metric {
	t.Helper()
	descriptions := make(chan *prometheus.Desc)
	go func() {
		defer close(descriptions)
		registry.Describe(descriptions)
	}()
	found := map[string]Metric{}
	for description := range descriptions {
		metric := parse(t, description.String())
		if !strings.HasPrefix(metric.Name, "go_") && !strings.HasPrefix(metric.Name, "process_") {
			found[metric.Name] = metric
		}
	}
	all := make([]Metric, 0, len(found))
	for _, metric := range found {
		all = append(all, metric)
	}
	slices.SortFunc(all, func(a, b Metric) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

var (
	description = regexp.MustCompile(`^Desc\{fqName: "(\w+)", help: "(.*?)", (?:unit: "\w*", )?constLabels: \{(.*)\}, variableLabels: \{(.*)\}\}$`)
	constLabel  = regexp.MustCompile(`(\w+)="`)
)

// parse reads a description, whose fields are not exported.
func parse(t *testing.T, text string) Metric {
	t.Helper()
	parts := description.FindStringSubmatch(text)
	if parts == nil {
		t.Fatalf("unexpected description: %s", text)
	}
	metric := Metric{Name: parts[1], Help: strings.ReplaceAll(parts[2], `\"`, `"`), Labels: []string{}}
	for _, label := range constLabel.FindAllStringSubmatch(parts[3], -1) {
		metric.Labels = append(metric.Labels, label[1])
	}
	if parts[4] != "" {
		metric.Labels = append(metric.Labels, strings.Split(parts[4], ",")...)
	}
	slices.Sort(metric.Labels)
	return metric
}

func read(t *testing.T, file string) []Metric {
	t.Helper()
	text, err := os.ReadFile(file) //nolint:gosec // a test names the file
	if err != nil {
		t.Fatal(err)
	}
	var listed []Metric
	if err := json.Unmarshal(text, &listed); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return listed
}

func write(t *testing.T, file string, all []Metric) {
	t.Helper()
	text, err := json.MarshalIndent(all, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, append(text, '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
}
