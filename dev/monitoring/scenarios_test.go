package monitoring

import "slices"

// scenarios has at least one scenario of each alert. Counters grow by the minute.
func scenarios() []scenario {
	return slices.Concat(ofUsers(), ofKOS(), ofWork(), ofPods())
}

const (
	succeeded = `phonebill_http_requests_total{app="auth-service",route="/login",status="200"}`
	failed    = `phonebill_http_requests_total{app="auth-service",route="/login",status="500"}`
	requested = `phonebill_http_request_duration_seconds_count{app="auth-service",route="/login"}`
	took      = `phonebill_http_request_duration_seconds_sum{app="auth-service",route="/login"}`
	level     = `phonebill_http_request_satisfaction_total{app="auth-service",route="/login",level=`
	answered  = `phonebill_inquiry_answers_total{how=`
)

func ofUsers() []scenario {
	return []scenario{
		{alert: "HighErrorRate", series: map[string]string{succeeded: "0+60x60", failed: "0+10x15 150+0x45"}, fires: 10, clears: 40,
			also: []string{"ErrorBudgetBurnsFast"}},
		{alert: "HighResponseTime", series: map[string]string{requested: "0+60x60", took: "0+240x15 3600+6x45"}, fires: 10, clears: 40},
		{alert: "ErrorBudgetBurnsFast", series: map[string]string{succeeded: "0+6000x120", failed: "0+120x70 8400+0x50"}, fires: 10, clears: 110},
		{alert: "ErrorBudgetBurnsSlowly", series: map[string]string{succeeded: "0+2000x500", failed: "0+10x60 600+0x440"}, fires: 30, clears: 450},
		{alert: "UsersUnsatisfied", fires: 20, clears: 45, series: map[string]string{
			succeeded:               "0+30x60",
			level + `"satisfied"}`:  "0+10x25 250+30x35",
			level + `"tolerating"}`: "0+5x25 125+0x35",
			level + `"frustrated"}`: "0+15x25 375+0x35",
		}},
		{alert: "InquiriesFail", fires: 10, clears: 40, series: map[string]string{
			answered + `"fresh"}`: "0+60x60", answered + `"full"}`: "0+10x15 150+0x45",
		}},
		{alert: "InquiriesFail", name: "and none succeeds", fires: 10, clears: 40, series: map[string]string{
			answered + `"unavailable"}`: "0+10x15 150+0x45",
		}},
		{alert: "ChangesFail", fires: 12, clears: 80, series: map[string]string{
			`phonebill_changes_finished_total{status="FAILED",code="EXPIRED"}`: "0+0x10 1+0x90",
		}},
		{alert: "RequestsShed", fires: 10, clears: 40, series: map[string]string{
			`phonebill_http_requests_shed_total{app="auth-service"}`: "0+10x15 150+0x45",
		}},
	}
}

func ofKOS() []scenario {
	const (
		called  = `phonebill_kos_call_duration_seconds_count{endpoint="bill-inquiry",outcome="answered"}`
		waited  = `phonebill_kos_call_duration_seconds_sum{endpoint="bill-inquiry",outcome="answered"}`
		breaker = `dapr_resiliency_cb_state{app_id="bill-inquiry-service",target="kos",status=`
		budget  = `{app="bill-inquiry-service",endpoint="bill-inquiry"}`
	)
	return []scenario{
		{alert: "KosSlow", series: map[string]string{called: "0+60x60", waited: "0+120x20 2400+6x40"}, fires: 15, clears: 45},
		{alert: "BreakerOpen", fires: 10, clears: 25, series: map[string]string{
			breaker + `"open"}`: "0+0x4 1+0x10 0+0x20", breaker + `"half-open"}`: "0+0x34",
		}},
		{alert: "BreakerOpen", name: "and each probe fails", fires: 10, clears: 25, series: map[string]string{
			breaker + `"open"}`: "0 0 0 1 0 1 0 1 0 1 0 1 0 0+0x20", breaker + `"half-open"}`: "0 0 0 0 1 0 1 0 1 0 1 0 1 0+0x20",
		}},
		{alert: "KosQueueOld", fires: 10, clears: 30, series: map[string]string{
			`phonebill_kos_queue_oldest_seconds{app="product-change-service",endpoint="product-change",class="interactive"}`: "0+60x20 0+0x20",
		}},
		{alert: "KosBudgetSpent", fires: 35, clears: 75, series: map[string]string{
			`phonebill_kos_budget_left_calls` + budget: "0+0x40 12+0x40", `phonebill_kos_budget_size_calls` + budget: "12+0x80",
		}},
		{alert: "KosAnswersFaulty", fires: 10, clears: 40, series: map[string]string{
			`phonebill_kos_answer_faults_total{endpoint="bill-inquiry",kind="amount"}`: "0+2x15 30+0x30",
		}},
		{alert: "BillsStale", fires: 15, clears: 45, series: map[string]string{
			answered + `"fresh"}`: "0+6x60", answered + `"stale"}`: "0+4x20 80+0x40",
		}},
	}
}

func ofWork() []scenario {
	const pool = `{app="auth-service",pool="requests"`
	return []scenario{
		{alert: "SessionsDegraded", fires: 10, clears: 40, series: map[string]string{
			`phonebill_auth_degraded_requests_total{app="auth-service"}`: "0+10x15 150+0x45",
		}},
		{alert: "DeadLetters", name: "that no attempt can handle", fires: 12, clears: 80, series: map[string]string{
			`phonebill_events_consumed_total{type="product.changed.v1",outcome="poison"}`: "0+0x10 1+0x90",
		}},
		{alert: "DeadLetters", name: "after the last attempt", fires: 8, clears: 40, series: map[string]string{
			`phonebill_events_consumed_total{type="product.changed.v1",outcome="failed"}`: "0+5x3 15+0x60",
		}},
		{alert: "DeadLetters", name: "in the broker", fires: 8, clears: 20, series: map[string]string{
			`redis_stream_length{stream="product.changed.v1.dead"}`: "0+0x3 1+0x10 0+0x10",
		}},
		{alert: "OutboxOld", fires: 10, clears: 30, series: map[string]string{
			`phonebill_outbox_oldest_seconds{app="product-change-service"}`: "0+60x20 0+0x20",
		}},
		{alert: "HistoryRowsLost", fires: 12, clears: 80, series: map[string]string{
			`phonebill_history_rows_total{app="auth-service",kind="audit",outcome="dropped"}`: "0+0x10 3+0x90",
		}},
		{alert: "DatabasePoolBusy", fires: 10, clears: 30, series: map[string]string{
			`phonebill_database_connections` + pool + `,state="acquired"}`: "0+0x2 8+0x15 1+0x20",
			`phonebill_database_max_connections` + pool + `}`:              "8+0x40",
		}},
	}
}

func ofPods() []scenario {
	const (
		app     = `up{app="auth-service",pod="auth-service-0",container="app"}`
		sidecar = `up{app="auth-service",pod="auth-service-0",container="daprd"}`
		pod     = `{pod="auth-service-0",container="app"`
	)
	return []scenario{
		{alert: "ServiceDown", series: map[string]string{app: "1+0x5 0+0x10 1+0x20"}, fires: 10, clears: 25},
		{alert: "ServiceDown", name: "without a pod", series: map[string]string{app: "1+0x3 _x15 1+0x20"}, fires: 12, clears: 25},
		{alert: "PodCrashLoop", fires: 9, clears: 25, series: map[string]string{
			`kube_pod_container_status_restarts_total` + pod + `}`: "0+1x10 10+0x30",
		}},
		{alert: "HighCpuUsage", fires: 20, clears: 45, series: map[string]string{
			`container_cpu_usage_seconds_total` + pod + `}`:                             "0+57x30 1710+0x30",
			`kube_pod_container_resource_limits` + pod + `,resource="cpu",unit="core"}`: "1+0x60",
		}},
		{alert: "HighMemoryUsage", fires: 12, clears: 30, series: map[string]string{
			`container_memory_working_set_bytes` + pod + `}`:                               "100+0x3 980+0x15 100+0x20",
			`kube_pod_container_resource_limits` + pod + `,resource="memory",unit="byte"}`: "1000+0x60",
		}},
		{alert: "SidecarMissing", fires: 12, clears: 25, series: map[string]string{
			`up{app="auth-service",pod="auth-service-1",container="app"}`:   "_x2 1+0x30",
			`up{app="auth-service",pod="auth-service-1",container="daprd"}`: "_x20 1+0x12",
		}},
		{alert: "SidecarDown", series: map[string]string{sidecar: "1+0x3 0+0x10 1+0x20"}, fires: 8, clears: 25},
		{alert: "DaprCertificateExpires", fires: 5, clears: 20, series: map[string]string{
			`dapr_sentry_issuercert_expiry_timestamp`: "9999999+0x2 864000+0x10 31536000+0x10",
		}},
		{alert: "SidecarCertificateNotRenewed", fires: 12, clears: 80, series: map[string]string{
			`dapr_runtime_mtls_workload_cert_rotated_fail_total{app_id="auth-service"}`: "0+0x10 1+0x90",
		}},
	}
}
