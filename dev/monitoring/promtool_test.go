package monitoring

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/phonebill/phonebill/dev/internal/testvar"
)

// unitTest is a test file of promtool.
type unitTest struct {
	RuleFiles          []string   `yaml:"rule_files"`
	EvaluationInterval string     `yaml:"evaluation_interval"`
	Tests              []testCase `yaml:"tests"`
}

type testCase struct {
	Name       string       `yaml:"name"`
	Interval   string       `yaml:"interval"`
	Series     []series     `yaml:"input_series"`
	Evaluation []evaluation `yaml:"promql_expr_test"`
}

type series struct {
	Series string `yaml:"series"`
	Values string `yaml:"values"`
}

type evaluation struct {
	Expr    string   `yaml:"expr"`
	At      string   `yaml:"eval_time"`
	Samples []sample `yaml:"exp_samples"`
}

type sample struct {
	Labels string  `yaml:"labels"`
	Value  float64 `yaml:"value"`
}

// promtool runs promtool's unit tests with all rules.
func promtool(t *testing.T, cases []testCase) {
	t.Helper()
	binary := testvar.Get(t, "PHONEBILL_TEST_PROMTOOL")
	files, err := RuleFiles(repository(t))
	if err != nil {
		t.Fatal(err)
	}
	text, err := yaml.Marshal(unitTest{files, "1m", cases})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "test.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), binary, "test", "rules", file).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// firing expects exactly these alerts at a minute.
func firing(minute int, names ...string) evaluation {
	e := evaluation{Expr: `group by (alertname) (ALERTS{alertstate="firing"})`, At: fmt.Sprintf("%dm", minute)}
	for _, name := range slices.Compact(slices.Sorted(slices.Values(names))) {
		e.Samples = append(e.Samples, sample{fmt.Sprintf("{alertname=%q}", name), 1})
	}
	return e
}

// silent expects that an alert does not fire at a minute.
func silent(minute int, name string) evaluation {
	return evaluation{Expr: fmt.Sprintf(`ALERTS{alertname=%q,alertstate="firing"}`, name), At: fmt.Sprintf("%dm", minute)}
}

// targets are the scrape targets of a healthy system, by series: an app and its sidecar.
func targets() map[string]string {
	all := make(map[string]string)
	for _, app := range []string{"auth-service", "bill-inquiry-service", "product-change-service", "web-portal"} {
		for _, container := range []string{"app", "daprd"} {
			all[fmt.Sprintf(`up{app=%q,pod="%s-0",container=%q}`, app, app, container)] = "1+0x600"
		}
	}
	return all
}

// scenario is what happens when an alert fires, minute by minute.
type scenario struct {
	alert  string
	name   string            // if there are several of an alert
	series map[string]string // values by series; besides a healthy system's
	fires  int               // minute
	also   []string          // other alerts that fire
	clears int               // minute
}

func (s scenario) test() testCase {
	all := targets()
	maps.Copy(all, s.series)
	test := testCase{
		Name: s.alert + " " + s.name, Interval: "1m",
		Evaluation: []evaluation{firing(0), firing(s.fires, append(s.also, s.alert)...), silent(s.clears, s.alert)},
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		test.Series = append(test.Series, series{name, all[name]})
	}
	return test
}

func TestEachAlertFiresAndClears(t *testing.T) {
	t.Parallel()
	cases := make([]testCase, 0, len(scenarios()))
	tried := map[string]bool{}
	for _, one := range scenarios() {
		tried[one.alert] = true
		cases = append(cases, one.test())
	}
	for _, alert := range alerts(t) {
		if !tried[alert.Alert] {
			t.Errorf("%s has no scenario", alert.Alert)
		}
	}
	promtool(t, cases)
}

// A ratio of few requests means nothing: one error an hour, at one request a minute, is more
// than the objective allows, and not worth an alert.
func TestAlertsAreQuietAtLowTraffic(t *testing.T) {
	t.Parallel()
	const requests = `phonebill_http_requests_total{app="bill-inquiry-service",route="/inquiry",status=`
	answers := scenario{series: map[string]string{
		requests + `"200"}`:                                  "0+1x600",
		requests + `"503"}`:                                  "0+0x60 1+0x59 2+0x59 3+0x59 4+0x59 5+0x300",
		`phonebill_inquiry_answers_total{how="fresh"}`:       "0+1x600",
		`phonebill_inquiry_answers_total{how="stale"}`:       "0+0x60 1+0x540",
		`phonebill_inquiry_answers_total{how="unavailable"}`: "0+0x60 1+0x540",
	}}.test()
	answers.Evaluation = []evaluation{
		{Expr: `count_over_time(ALERTS{alertstate="firing"}[10h])`, At: "600m"},
		{Expr: `max_over_time(phonebill:http_errors:ratio1h[10h]) > bool 0.0144`, At: "600m", Samples: []sample{{`{app="bill-inquiry-service"}`, 1}}},
	}
	promtool(t, []testCase{answers})
}
