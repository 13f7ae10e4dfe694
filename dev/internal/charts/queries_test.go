package charts

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// samples are Prometheus series with the expected result of a query.
type samples struct {
	name   string
	series []string // @ is replaced by the labels of a pod
	want   float64  // noValue: no result
	pods   int      // expected replicas, for an autoscaler
}

// noValue is no result, which KEDA treats as a failed scrape and does not scale.
var noValue = math.NaN()

// scraped is the scrape interval in seconds, evaluated the evaluation time.
const scraped, evaluated = 30, 300

// steady returns a counter that grows by perSecond.
func steady(perSecond int) string { return fmt.Sprintf("0+%dx10", perSecond*scraped) }

// queried are the samples of each queried metric.
var queried = map[string][]samples{
	"requests_per_second": {
		{"several replicas, routes and statuses", []string{
			`phonebill_http_requests_total{@1,method="POST",route="/login",status="200"} ` + steady(100),
			`phonebill_http_requests_total{@1,method="POST",route="/login",status="401"} ` + steady(20),
			`phonebill_http_requests_total{@1,method="GET",route="/verify",status="200"} ` + steady(30),
			`phonebill_http_requests_total{@2,method="POST",route="/login",status="200"} ` + steady(150),
		}, 300, 6},
		{"a replica that starts, scraped once", []string{
			`phonebill_http_requests_total{@1,route="/login"} ` + steady(60),
			`phonebill_http_requests_total{@2,route="/login"} _x10 5000`,
		}, 60, 2},
		{"a replica that was restarted", []string{
			`phonebill_http_requests_total{@1,route="/login"} ` + steady(40),
			`phonebill_http_requests_total{@2,route="/login"} 90000+1200x8 600 1800`,
		}, 40 + 100.0/3, 2},
		{"a replica that is gone", []string{
			`phonebill_http_requests_total{@1,route="/login"} ` + steady(40),
			`phonebill_http_requests_total{@2,route="/login"} 0+9000x3 _x7`,
		}, 40, 1},
		{"other namespaces and services", []string{
			`phonebill_http_requests_total{@1,route="/login"} ` + steady(10),
			`phonebill_http_requests_total{@elsewhere,route="/login"} ` + steady(1000),
			`phonebill_http_requests_total{@stranger,route="/login"} ` + steady(1000),
		}, 10, 1},
		{"no requests", []string{`phonebill_http_requests_total{@1,route="/login"} 700x10`}, 0, 0},
		{"no series", nil, noValue, 0},
	},
	"active_connections": {
		{"several replicas", []string{
			`phonebill_http_requests_in_flight{@1} 0x9 25`,
			`phonebill_http_requests_in_flight{@2} 90x9 50`,
			`phonebill_http_requests_in_flight{@3} 0x10`,
		}, 75, 3},
		{"a replica that starts", []string{
			`phonebill_http_requests_in_flight{@1} 30x10`,
			`phonebill_http_requests_in_flight{@2} _x10 1`,
		}, 31, 2},
		{"a replica that is gone", []string{
			`phonebill_http_requests_in_flight{@1} 30x10`,
			`phonebill_http_requests_in_flight{@2} 80x9 stale`,
		}, 30, 1},
		{"other namespaces and services", []string{
			`phonebill_http_requests_in_flight{@1} 3x10`,
			`phonebill_http_requests_in_flight{@elsewhere} 1000x10`,
			`phonebill_http_requests_in_flight{@stranger} 1000x10`,
		}, 3, 1},
		{"no series", nil, noValue, 0},
	},
	"queue_length": {
		{"several replicas and classes", slices.Concat(
			queue("@1", 3, 2), queue("@2", 3, 2), queue("@3", 3, 2)), 5, 1},
		{"replicas that measured at different times", slices.Concat(
			queue("@1", 9, 1), queue("@2", 8, 4)), 12, 3},
		{"a replica that starts and has not measured yet", queue("@1", 20, 3), 23, 5},
		{"a replica that is gone", slices.Concat(queue("@1", 0, 2), []string{
			`phonebill_kos_queue_items{@2,endpoint="product-change",class="interactive"} 70x9 stale`,
		}), 2, 1},
		{"an empty queue", slices.Concat(queue("@1", 0, 0), queue("@2", 0, 0)), 0, 0},
		{"other namespaces and services", slices.Concat(
			queue("@1", 1, 0), queue("@elsewhere", 500, 500), queue("@stranger", 500, 500)), 1, 1},
		{"fetches beside changes", append(queue("@1", 4, 0),
			`phonebill_kos_queue_items{@1,endpoint="product-inquiry",class="background"} 900x10`), 4, 1},
		{"no series", nil, noValue, 0},
	},
}

// queue returns the queue metrics of a replica of product-change-service.
func queue(replica string, interactive, background int) []string {
	return []string{
		fmt.Sprintf(`phonebill_kos_queue_items{%s,endpoint="product-change",class="interactive"} %dx10`, replica, interactive),
		fmt.Sprintf(`phonebill_kos_queue_items{%s,endpoint="product-change",class="background"} %dx10`, replica, background),
	}
}

// labelled adds the labels that scraping by the PodMonitors adds.
func labelled(series, service string) string {
	labels := func(app, namespace, replica string) string {
		return fmt.Sprintf(`app=%q,container="app",instance="10.244.0.%s:8080",namespace=%q,pod="%s-6d4f-%s"`,
			app, replica, namespace, app, replica)
	}
	return strings.NewReplacer(
		"@1", labels(service, "phonebill", "1"), "@2", labels(service, "phonebill", "2"), "@3", labels(service, "phonebill", "3"),
		"@elsewhere", labels(service, "phonebill-test", "8"), "@stranger", labels("stranger", "phonebill", "9"),
	).Replace(series)
}

// evaluation is a case of dev/tools/promql.
type evaluation struct {
	Series  []string `json:"series"`
	Seconds int      `json:"seconds"`
	At      int      `json:"at"`
	Query   string   `json:"query"`
}

// evaluate returns the result of each query, or noValue. More than one value is an error, as for
// KEDA.
func evaluate(t *testing.T, cases []evaluation) []float64 {
	t.Helper()
	in, err := json.Marshal(cases)
	if err != nil {
		t.Fatal(err)
	}
	var out, complaints bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "go", "run", ".")
	cmd.Dir, cmd.Env = repository(t).Path("dev", "tools", "promql"), append(os.Environ(), "GOWORK=off")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), &out, &complaints
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, complaints.String())
	}
	var vectors [][]struct{ Value [2]any }
	if err := json.Unmarshal(out.Bytes(), &vectors); err != nil {
		t.Fatal(err)
	}
	values := make([]float64, len(vectors))
	for i, vector := range vectors {
		switch len(vector) {
		case 0:
			values[i] = noValue
		case 1:
			values[i], err = strconv.ParseFloat(fmt.Sprint(vector[0].Value[1]), 64)
		default:
			err = fmt.Errorf("%d values", len(vector))
		}
		if err != nil {
			t.Fatalf("%s: %v", cases[i].Query, err)
		}
	}
	return values
}

// trial is a query with samples.
type trial struct {
	samples

	metric, query string
	perPod        float64
}

// trials returns the queries of the ScaledObjects with all samples of their metrics.
func trials(t *testing.T, scaled objects) []trial {
	t.Helper()
	var all []trial
	for _, one := range scaled {
		for _, raw := range one.list("spec", "triggers") {
			trigger := object(raw.(map[string]any))
			if trigger.text("type") != "prometheus" {
				continue
			}
			metric := trigger.text("name")
			if len(queried[metric]) == 0 {
				t.Errorf("%s queries %s, which has no samples", one, metric)
			}
			equal(t, metric+" without a value", trigger.text("metadata", "ignoreNullValues"), "false")
			perPod, err := strconv.ParseFloat(trigger.text("metadata", "threshold"), 64)
			if err != nil {
				t.Fatal(err)
			}
			for _, sampled := range queried[metric] {
				sampled.series = slices.Clone(sampled.series)
				for i := range sampled.series {
					sampled.series[i] = labelled(sampled.series[i], one.name())
				}
				all = append(all, trial{sampled, metric, trigger.text("metadata", "query"), perPod})
			}
		}
	}
	return all
}

// check compares the result of the query and the number of replicas.
func (c trial) check(t *testing.T, got float64) {
	t.Helper()
	if math.IsNaN(got) || math.IsNaN(c.want) {
		if math.IsNaN(got) != math.IsNaN(c.want) {
			t.Errorf("%s of %s: %g, want %g", c.metric, c.name, got, c.want)
		}
		return
	}
	if pods := int(math.Ceil(got / c.perPod)); math.Abs(got-c.want) > 1e-9 || pods != c.pods {
		t.Errorf("%s of %s: %g for %d pods, want %g for %d", c.metric, c.name, got, pods, c.want, c.pods)
	}
}

// TestQueryResults evaluates every query of the charts over samples with
// Prometheus's engine. A query without samples fails.
func TestQueryResults(t *testing.T) {
	t.Parallel()
	all := trials(t, system(t, "prod").of("ScaledObject"))
	cases := make([]evaluation, 0, len(all))
	asked := map[string]bool{}
	for _, one := range all {
		cases = append(cases, evaluation{one.series, scraped, evaluated, one.query})
		asked[one.query] = true
	}
	for i, got := range evaluate(t, cases) {
		all[i].check(t, got)
	}
	if left := unasked(t, asked); len(left) > 0 {
		t.Errorf("untested queries: %v", left)
	}
}

// unasked returns the queries of all environments and kinds that are not in asked.
func unasked(t *testing.T, asked map[string]bool) []string {
	t.Helper()
	found := map[string]bool{}
	for _, environment := range environments {
		everyText(map[string]any{"all": plain(system(t, environment))}, "", func(path, text string) {
			if (strings.HasSuffix(path, "/query") || strings.HasSuffix(path, "/expr")) && !asked[text] {
				found[text] = true
			}
		})
	}
	return slices.Sorted(maps.Keys(found))
}
