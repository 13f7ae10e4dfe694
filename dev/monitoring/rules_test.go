package monitoring

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/phonebill/phonebill/dev/internal/checkout"
	"github.com/phonebill/phonebill/dev/observe"
)

func repository(t *testing.T) checkout.Checkout {
	t.Helper()
	root, err := checkout.Find(".")
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func rules(t *testing.T) []Rule {
	t.Helper()
	all, err := Rules(repository(t))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func alerts(t *testing.T) []Rule {
	t.Helper()
	var all []Rule
	for _, rule := range rules(t) {
		if rule.Alert != "" {
			all = append(all, rule)
		}
	}
	return all
}

// maxRules is the number of rules that a group of Azure's managed Prometheus may have.
const maxRules = 20

func TestGroupsFitAzure(t *testing.T) {
	t.Parallel()
	all, err := Groups(repository(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, group := range all {
		if len(group.Rules) > maxRules || group.Interval == "" {
			t.Errorf("%s has %d rules every %q", group.Name, len(group.Rules), group.Interval)
		}
	}
}

// metricsOf returns the names of the metrics in each query.
func metricsOf(t *testing.T, queries []string) [][]string {
	t.Helper()
	in, err := json.Marshal(queries)
	if err != nil {
		t.Fatal(err)
	}
	var out, complaints bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "go", "run", "./names")
	cmd.Dir, cmd.Env = repository(t).Path("dev", "tools", "promql"), append(os.Environ(), "GOWORK=off")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), &out, &complaints
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, complaints.String())
	}
	var names [][]string
	if err := json.Unmarshal(out.Bytes(), &names); err != nil {
		t.Fatal(err)
	}
	return names
}

// exist checks that every metric of queries, by their origin, exists.
func exist(t *testing.T, queries map[string]string) {
	t.Helper()
	known, err := Known(repository(t))
	if err != nil {
		t.Fatal(err)
	}
	origins, texts := make([]string, 0, len(queries)), make([]string, 0, len(queries))
	for origin, query := range queries {
		origins, texts = append(origins, origin), append(texts, query)
	}
	for i, names := range metricsOf(t, texts) {
		for _, name := range names {
			if !Exists(known, name) {
				t.Errorf("%s: there is no metric %s", origins[i], name)
			}
		}
	}
}

func TestRulesNameMetricsThatExist(t *testing.T) {
	t.Parallel()
	queries := map[string]string{}
	for _, rule := range rules(t) {
		queries[rule.Name()+" "+rule.Expr] = rule.Expr
	}
	exist(t, queries)
}

func TestUnknownMetricsAreFound(t *testing.T) {
	t.Parallel()
	known := map[string]bool{"phonebill_took_seconds": true, "phonebill_calls_total": true}
	for name, want := range map[string]bool{
		"phonebill_took_seconds_bucket": true, "phonebill_calls_total": true, "phonebill_calls_total_sum": false, "phonebill_call_total": false,
	} {
		if Exists(known, name) != want {
			t.Errorf("%s exists: %t, want %t", name, !want, want)
		}
	}
}

// kebab returns the file name of an alert's runbook, without the extension.
func kebab(name string) string {
	return strings.ToLower(regexp.MustCompile(`(\w)([A-Z])`).ReplaceAllString(name, "$1-$2"))
}

// runbooks is where the annotations say that the runbooks are.
const runbooks = "https://github.com/phonebill/phonebill/blob/main/"

// sections are those of every runbook.
var sections = []string{"## Meaning", "## Look at", "## Do", "## Silence"}

func TestEachAlertHasARunbook(t *testing.T) {
	t.Parallel()
	for _, alert := range alerts(t) {
		page := "dev/docs/operations/" + kebab(alert.Alert) + ".md"
		if url := alert.Annotations["runbook_url"]; url != runbooks+page {
			t.Errorf("%s has the runbook %s, want %s", alert.Alert, url, runbooks+page)
		}
		if alert.Annotations["summary"] == "" || alert.Annotations["description"] == "" {
			t.Errorf("%s has no summary or description", alert.Alert)
		}
		if severity := alert.Labels["severity"]; severity != "page" && severity != "ticket" {
			t.Errorf("%s has the severity %q", alert.Alert, severity)
		}
		text, err := os.ReadFile(repository(t).Path(page))
		if err != nil {
			t.Error(err)
			continue
		}
		for _, section := range sections {
			if !strings.Contains(string(text), "\n"+section+"\n") {
				t.Errorf("%s has no section %q", page, section)
			}
		}
		if !strings.HasPrefix(string(text), "# "+alert.Alert+"\n") {
			t.Errorf("%s is not about %s", page, alert.Alert)
		}
	}
}

// code matches the queries of a runbook.
var code = regexp.MustCompile("(?s)```promql\n(.*?)\n```")

func TestQueriesOfRunbooksNameMetricsThatExist(t *testing.T) {
	t.Parallel()
	queries := map[string]string{}
	for _, alert := range alerts(t) {
		page := kebab(alert.Alert) + ".md"
		text, err := os.ReadFile(repository(t).Path("dev", "docs", "operations", page))
		if err != nil {
			t.Error(err)
		}
		found := code.FindAllStringSubmatch(string(text), -1)
		if len(found) == 0 {
			t.Errorf("%s has no query", page)
		}
		for _, query := range found {
			queries[page+": "+query[1]] = query[1]
		}
	}
	exist(t, queries)
}

func TestStatusPageNamesMetricsThatExist(t *testing.T) {
	t.Parallel()
	queries := map[string]string{}
	for _, query := range observe.Queries() {
		queries[query.Title] = query.Expr
	}
	exist(t, queries)
}
