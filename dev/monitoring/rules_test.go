package monitoring

import (
	"os"
	"path/filepath"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/phonebill/phonebill/dev/internal/checkout"
)

// rule is a recording or an alerting rule.
type rule struct {
	Record, Alert, Expr, For string
	Labels, Annotations      map[string]string
}

// group is a group of rules.
type group struct {
	Name, Interval string
	Rules          []rule
}

func repository(t *testing.T) checkout.Checkout {
	t.Helper()
	root, err := checkout.Find(".")
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// ruleFiles returns the paths of the rules.
func ruleFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(repository(t).Path("charts", "phonebill", "files", "rules", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no rules: %v", err)
	}
	return files
}

// groups returns all groups of rules.
func groups(t *testing.T) []group {
	t.Helper()
	var all []group
	for _, file := range ruleFiles(t) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var parsed struct{ Groups []group }
		if err := yaml.Unmarshal(text, &parsed); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all = append(all, parsed.Groups...)
	}
	return all
}

// rules returns the rules that are wanted.
func rules(t *testing.T, wanted func(rule) bool) []rule {
	t.Helper()
	var all []rule
	for _, group := range groups(t) {
		for _, one := range group.Rules {
			if wanted(one) {
				all = append(all, one)
			}
		}
	}
	return all
}

func alerts(t *testing.T) []rule {
	t.Helper()
	return rules(t, func(r rule) bool { return r.Alert != "" })
}

// maxRules is the number of rules that a group of Azure's managed Prometheus may have.
const maxRules = 20

func TestGroupsFitAzure(t *testing.T) {
	t.Parallel()
	for _, group := range groups(t) {
		if len(group.Rules) > maxRules || group.Interval == "" {
			t.Errorf("%s has %d rules every %q", group.Name, len(group.Rules), group.Interval)
		}
	}
}
