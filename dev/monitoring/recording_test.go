package monitoring

import (
	"maps"
	"slices"
	"testing"
)

// recording is a recorded value: the query of a rule over sample series, after half an hour.
type recording struct {
	query  string
	series map[string]string
	want   []sample
}

// the returns the only sample of a result without labels.
func the(value float64) []sample { return []sample{{"{}", value}} }

func recordings() []recording {
	const (
		satisfaction = `phonebill_http_request_satisfaction_total{app="auth-service",route="/login",level=`
		changes      = `phonebill_changes_finished_total{status=`
		gets         = `phonebill_cache_gets_total{app="bill-inquiry-service",kind="bill",level=`
		queued       = `phonebill_kos_queue_items{app="product-change-service",endpoint="product-change",class=`
		breaker      = `dapr_resiliency_cb_state{app_id="auth-service",target="kos",status=`
	)
	return []recording{
		{`user_satisfaction_score`, map[string]string{
			satisfaction + `"satisfied"}`: "0+60x40", satisfaction + `"tolerating"}`: "0+20x40", satisfaction + `"frustrated"}`: "0+20x40",
			`phonebill_http_request_satisfaction_total{app="auth-service",route="unmatched",level="satisfied"}`:      "0+900x40",
			`phonebill_http_request_satisfaction_total{app="auth-service",route="/events/login",level="satisfied"}`:  "0+900x40",
			`phonebill_http_request_satisfaction_total{app="auth-service",route="unmatched",level="tolerating"}`:     "0+0x40",
			`phonebill_http_request_satisfaction_total{app="auth-service",route="/events/login",level="tolerating"}`: "0+0x40",
		}, the(0.7)},
		{`bill_inquiry_success_rate`, map[string]string{
			answered + `"fresh"}`: "0+90x40", answered + `"refused"}`: "0+5x40", answered + `"full"}`: "0+5x40",
		}, the(0.95)},
		{`bill_inquiry_success_rate`, map[string]string{answered + `"unavailable"}`: "0+5x40"}, the(0)},
		{`bill_inquiry_success_rate`, map[string]string{answered + `"stale"}`: "0+5x40"}, the(1)},
		{`bill_inquiry_success_rate`, map[string]string{answered + `"fresh"}`: "7+0x40"}, nil}, // no inquiries, no rate
		{`product_change_success_rate`, map[string]string{
			changes + `"COMPLETED",code="0000"}`: "0+8x40", changes + `"FAILED",code="2001"}`: "0+1x40", changes + `"FAILED",code="EXPIRED"}`: "0+1x40",
		}, the(0.9)},
		{`cache_hit_ratio{level="l1"}`, cacheReads(gets), the(0.6)},
		{`cache_hit_ratio{level="l2"}`, cacheReads(gets), the(0.75)},
		{`cache_hit_ratio{level="all"}`, cacheReads(gets), the(0.9)},
		{`database_connection_pool`, map[string]string{
			`phonebill_database_connections{app="auth-service",pod="1",pool="requests",state="acquired"}`: "3+0x40",
			`phonebill_database_connections{app="auth-service",pod="2",pool="requests",state="acquired"}`: "1+0x40",
			`phonebill_database_connections{app="auth-service",pod="2",pool="requests",state="idle"}`:     "4+0x40",
			`phonebill_database_max_connections{app="auth-service",pod="1",pool="requests"}`:              "8+0x40",
			`phonebill_database_max_connections{app="auth-service",pod="2",pool="requests"}`:              "8+0x40",
		}, the(0.25)},
		{`message_queue_depth{queue="kos:product-change"}`, map[string]string{ // each replica exports the total
			queued + `"interactive",pod="1"}`: "4+0x40", queued + `"interactive",pod="2"}`: "4+0x40", queued + `"background",pod="1"}`: "2+0x40",
		}, the(6)},
		{`message_queue_depth{queue="outbox"}`, map[string]string{
			`phonebill_outbox_events{app="product-change-service",pod="1"}`: "3+0x40", `phonebill_outbox_events{app="product-change-service",pod="2"}`: "3+0x40",
		}, the(3)},
		{`message_queue_depth{queue="events:product.changed.v1",app="bill-inquiry-service"}`, map[string]string{
			`redis_stream_group_messages_pending{stream="product.changed.v1",group="bill-inquiry-service"}`: "5+0x40",
		}, the(5)},
		{`circuit_breaker_state`, map[string]string{breaker + `"open"}`: "1+0x40", breaker + `"half-open"}`: "0+0x40"}, the(2)},
		{`phonebill:kos_budget_used:ratio`, map[string]string{
			`phonebill_kos_budget_left_calls{app="auth-service",endpoint="product-inquiry"}`: "3+0x40",
			`phonebill_kos_budget_size_calls{app="auth-service",endpoint="product-inquiry"}`: "12+0x40",
		}, the(0.75)},
		{`phonebill:error_budget_left:ratio30d`, map[string]string{succeeded: "0+9995x40", failed: "0+5x40"}, the(0.5)},
	}
}

// cacheReads are reads of which L1 had 60 %, L2 30 % and the source the rest.
func cacheReads(gets string) map[string]string {
	return map[string]string{gets + `"l1"}`: "0+60x40", gets + `"l2"}`: "0+30x40", gets + `"source"}`: "0+10x40"}
}

func TestRecordedValues(t *testing.T) {
	t.Parallel()
	cases := make([]testCase, 0, len(recordings()))
	for _, one := range recordings() {
		test := testCase{Name: one.query, Interval: "1m", Evaluation: []evaluation{
			{Expr: "round(sum(" + one.query + "), 0.001)", At: "30m", Samples: one.want},
		}}
		for _, name := range slices.Sorted(maps.Keys(one.series)) {
			test.Series = append(test.Series, series{name, one.series[name]})
		}
		cases = append(cases, test)
	}
	promtool(t, cases)
}
