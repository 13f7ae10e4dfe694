package checks

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// proof matches a test cited by dev/security.md, threat a row of its table of threats, requirement
// a row of its ASVS tables: number, requirement, measure, proof.
var (
	proof       = regexp.MustCompile("`([a-z][a-z0-9/-]*)\\.((?:Test|Fuzz|Benchmark)[A-Za-z0-9]+)`")
	anyProof    = regexp.MustCompile("`[^`]*\\.(?:Test|Fuzz|Benchmark)[^`]+`")
	alert       = regexp.MustCompile("(?i)alerts?\\s+`([A-Za-z]+)`")
	metric      = regexp.MustCompile("`(phonebill_[a-z_]+)`")
	threat      = regexp.MustCompile(`(?m)^\| ([^|]+) \| [^|]+ \| ([^|]+) \|$`)
	requirement = regexp.MustCompile(`(?m)^\| ([0-9.]+)(?:–([0-9.]+))? \| [^|]+ \| ([^|]+) \| ([^|]+) \|$`)
)

// TestEveryProofExists checks that every test cited by dev/security.md exists.
func TestEveryProofExists(t *testing.T) {
	t.Parallel()
	w, err := open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	content := security(t)
	proofs := proof.FindAllStringSubmatch(content, -1)
	if all := anyProof.FindAllString(content, -1); len(proofs) < 50 || len(proofs) != len(all) {
		t.Errorf("%d valid proofs of %d candidates", len(proofs), len(all))
	}
	for _, named := range proofs {
		if !tested(t, w.Path(named[1]), named[2]) {
			t.Errorf("there is no %s in %s", named[2], named[1])
		}
	}
}

// security returns dev/security.md.
func security(t *testing.T) string {
	t.Helper()
	w, err := open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(w.Path("dev", "security.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// tested reports whether a folder has a test with that name.
func tested(t *testing.T, folder, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(files, func(file string) bool {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Contains(string(source), "\nfunc "+name+"(")
	})
}

// TestEveryThreatHasAProof checks each row of the table of threats.
func TestEveryThreatHasAProof(t *testing.T) {
	t.Parallel()
	content := security(t)
	_, table, _ := strings.Cut(content, "\n## Threats\n")
	table, _, _ = strings.Cut(table, "\n## ")
	rows := threat.FindAllStringSubmatch(table, -1)
	if len(rows) < 15 {
		t.Errorf("only %d threats are found", len(rows))
	}
	for _, row := range rows {
		if row[1] != "threat" && row[1] != "---" && !proof.MatchString(row[2]) {
			t.Errorf("threat without a proof: %s", row[1])
		}
	}
}

// TestEveryMetricExists checks the metrics named by dev/security.md.
func TestEveryMetricExists(t *testing.T) {
	t.Parallel()
	w, err := open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var sources strings.Builder
	err = filepath.WalkDir(w.Path("apps"), func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		content, err := os.ReadFile(path)
		sources.Write(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	metrics := metric.FindAllStringSubmatch(security(t), -1)
	if len(metrics) == 0 {
		t.Error("no metrics found")
	}
	for _, named := range metrics {
		if !strings.Contains(sources.String(), `"`+named[1]+`"`) {
			t.Errorf("no service exports %s", named[1])
		}
	}
}

// TestEveryAlertExists checks the alerts named by dev/security.md.
func TestEveryAlertExists(t *testing.T) {
	t.Parallel()
	w, err := open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	rules, err := os.ReadFile(w.Path("charts", "phonebill", "files", "rules", "alerts.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	alerts := alert.FindAllStringSubmatch(security(t), -1)
	if len(alerts) == 0 {
		t.Error("no alerts found")
	}
	for _, named := range alerts {
		if !strings.Contains(string(rules), "- alert: "+named[1]+"\n") {
			t.Errorf("no rule is called %s", named[1])
		}
	}
}

// asked are the requirements of level 2 in the covered chapters: the last number by section.
// Removed requirements and those of level 3 are in notAsked.
var (
	asked = map[string]int{
		"2.1": 12, "2.2": 3, "2.3": 3, "2.4": 5, "2.5": 7, "2.6": 3, "2.7": 6, "2.8": 7, "2.9": 3, "2.10": 4,
		"3.1": 1, "3.2": 4, "3.3": 4, "3.4": 5, "3.5": 3, "3.7": 1,
		"4.1": 5, "4.2": 2, "4.3": 3,
		"13.1": 5, "13.2": 6,
	}
	notAsked = []string{"4.1.4", "13.1.2", "13.2.4"}
)

// TestEveryRequirementIsAnswered checks that each requirement of the ASVS has a proof or a reason
// for having none.
func TestEveryRequirementIsAnswered(t *testing.T) {
	t.Parallel()
	answered := map[string]bool{}
	for _, row := range requirement.FindAllStringSubmatch(security(t), -1) {
		section, first := split(t, row[1])
		last := first
		if row[2] != "" {
			_, last = split(t, row[2])
		}
		for n := first; n <= last; n++ {
			answered[fmt.Sprintf("%s.%d", section, n)] = true
		}
		excused := strings.HasPrefix(row[3], "Left: ") || strings.HasPrefix(row[3], "Not applicable: ")
		if !excused && !proof.MatchString(row[4]) {
			t.Errorf("%s has neither a proof nor a reason", row[1])
		}
	}
	for section, last := range asked {
		for n := 1; n <= last; n++ {
			if id := fmt.Sprintf("%s.%d", section, n); !answered[id] && !slices.Contains(notAsked, id) {
				t.Errorf("%s is not answered", id)
			}
		}
	}
}

// split splits 2.10.3 into 2.10 and 3.
func split(t *testing.T, id string) (section string, number int) {
	t.Helper()
	at := strings.LastIndex(id, ".")
	if _, err := fmt.Sscan(id[at+1:], &number); err != nil {
		t.Fatalf("%s: %v", id, err)
	}
	return id[:at], number
}
