package observe

// Query is a chart's query.
type Query struct {
	Title string `json:"title"`
	// Unit is "/s", "%", "s" or "", as the page formats values.
	Unit string `json:"unit"`
	// By is the label that names a series.
	By   string `json:"by"`
	Expr string `json:"expr"`
}

// Queries returns the queries of the page's charts.
func Queries() []Query { return queries }

// queries are the charts of the page, in order.
var queries = []Query{
	{"Requests", "/s", "app", `sum by (app) (rate(phonebill_http_requests_total[1m]))`},
	{
		"Failed requests", "%", "app",
		`100 * sum by (app) (rate(phonebill_http_requests_total{status=~"5.."}[1m])) / sum by (app) (rate(phonebill_http_requests_total[1m]))` +
			` or 0 * sum by (app) (rate(phonebill_http_requests_total[1m]))`,
	},
	{
		"Latency, 95th percentile", "s", "app",
		`histogram_quantile(0.95, sum by (app, le) (rate(phonebill_http_request_duration_seconds_bucket[1m])))`,
	},
	{
		"Reads by the level that had the value", "%", "level",
		`100 * sum by (level) (rate(phonebill_cache_gets_total[1m])) / ignoring (level) group_left sum (rate(phonebill_cache_gets_total[1m]))`,
	},
	{"Calls of KOS by outcome", "/s", "outcome", `sum by (outcome) (rate(phonebill_kos_call_duration_seconds_count[1m]))`},
	{"Calls left in KOS's budget", "", "endpoint", `min by (endpoint) (phonebill_kos_budget_left_calls)`},
	{"Items that wait for KOS", "", "endpoint", `max by (endpoint) (sum by (app, instance, endpoint) (phonebill_kos_queue_items))`},
	{"Oldest item that waits for KOS", "s", "endpoint", `max by (endpoint) (phonebill_kos_queue_oldest_seconds)`},
	{"Circuit breakers: 0 closed, 1 half-open, 2 open", "", "target", `max by (target) (circuit_breaker_state)`},
	{"Inquiries by answer", "/s", "how", `sum by (how) (rate(phonebill_inquiry_answers_total[1m]))`},
	{"Plan changes by result", "/s", "status", `sum by (status) (rate(phonebill_changes_finished_total[1m]))`},
	{"Memory", "MB", "app", `max by (app) (process_resident_memory_bytes{container="app"}) / 1e6`},
}
