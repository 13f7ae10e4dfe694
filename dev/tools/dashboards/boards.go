package main

import "github.com/grafana/grafana-foundation-sdk/go/dashboard"

func overview() *dashboard.DashboardBuilder {
	return board("overview", "What users see, and how much of the error budget is left. The objective: 99.9 % of the requests of 30 days have no server error.").
		WithPanel(number("Error budget left", "Of 30 days, the least of all services.", share,
			line{"min(phonebill:error_budget_left:ratio30d)", ""}, below("red"), from(0, "orange"), from(0.5, "green"))).
		WithPanel(number("Inquiries answered", "", share, line{"min(bill_inquiry_success_rate)", ""}, good()...)).
		WithPanel(number("Changes carried out or refused", "", share, line{"min(product_change_success_rate)", ""}, good()...)).
		WithPanel(number("Alerts that fire", "", count, line{`count(ALERTS{alertstate="firing"}) or vector(0)`, ""}, from(1, "red"))).
		WithPanel(graph("Requests", "Of users, by service.", rate, line{"phonebill:http_requests:rate5m", "{{app}}"})).
		WithPanel(graph("Server errors", "Part of the requests.", share, line{"phonebill:http_errors:ratio5m", "{{app}}"})).
		WithPanel(graph("Response time", "Mean, and what 95 % of the requests do not exceed.", seconds,
			line{"phonebill:http_duration_seconds:mean5m", "{{app}} mean"}, line{"phonebill:http_duration_seconds:p95_5m", "{{app}} 95 %"})).
		WithPanel(graph("Satisfaction", "Apdex: 0.5 s satisfies, 2 s is tolerable, an error neither.", count, line{"user_satisfaction_score", "{{app}}"}).Max(1)).
		WithPanel(graph("Error budget", "Part of 30 days' that is left; negative if it is overspent.", share, line{"phonebill:error_budget_left:ratio30d", "{{app}}"}).Min(-1).Max(1)).
		WithPanel(graph("Burn rate", "Errors of an hour and of six, as multiples of the objective. Alerts at 14.4 and 6.", count,
			line{"phonebill:http_errors:ratio1h / 0.001", "{{app}} 1 h"}, line{"phonebill:http_errors:ratio6h / 0.001", "{{app}} 6 h"}))
}

func service() *dashboard.DashboardBuilder {
	return board("a service", "One service in detail.", choice("app", "phonebill_build_info")).
		WithPanel(graph("Requests by route", "", rate, line{`sum by (route) (rate(phonebill_http_requests_total{app="$app"}[5m]))`, "{{route}}"})).
		WithPanel(graph("Requests by status", "", rate, line{`sum by (status) (rate(phonebill_http_requests_total{app="$app"}[5m]))`, "{{status}}"})).
		WithPanel(graph("Response time by route", "What 95 % of the requests do not exceed.", seconds,
			line{`histogram_quantile(0.95, sum by (route, le) (rate(phonebill_http_request_duration_seconds_bucket{app="$app"}[5m])))`, "{{route}}"})).
		WithPanel(graph("Requests at work, and refused", "", count,
			line{`max by (pod) (phonebill_http_requests_in_flight{app="$app"})`, "{{pod}}"},
			line{`sum(rate(phonebill_http_requests_shed_total{app="$app"}[5m]))`, "refused per second"})).
		WithPanel(graph("Cache hits", "By kind of value; l2 of what l1 had not.", share, line{`cache_hit_ratio{app="$app"}`, "{{kind}} {{level}}"}).Max(1)).
		WithPanel(graph("Database connections", "Part of each pool in use.", share, line{`database_connection_pool{app="$app"}`, "{{pool}}"}).Max(1)).
		WithPanel(graph("Wait for a connection", "Seconds per second, of all callers.", count,
			line{`sum by (pool) (rate(phonebill_database_acquire_wait_seconds_total{app="$app"}[5m]))`, "{{pool}}"})).
		WithPanel(graph("Rows of histories", "", count, line{`sum by (kind, outcome) (rate(phonebill_history_rows_total{app="$app"}[5m]))`, "{{kind}} {{outcome}}"})).
		WithPanel(graph("Requests without a session look-up", "While the session store is unavailable.", rate,
			line{`sum(rate(phonebill_auth_degraded_requests_total{app="$app"}[5m]))`, "degraded"})).
		WithPanel(graph("Goroutines", "", count, line{`max by (pod) (go_goroutines{app="$app",container="app"})`, "{{pod}}"}))
}

func kos() *dashboard.DashboardBuilder {
	return board("KOS and resilience", "How KOS answers, what is left of its rate limits, and what protects it and us.").
		WithPanel(number("Breakers that are not closed", "", count, line{`count(circuit_breaker_state > 0) or vector(0)`, ""}, from(1, "red"))).
		WithPanel(number("Stale bills", "Part of the bills of 15 minutes.", share, line{"max(phonebill:inquiries_stale:ratio15m)", ""}, from(0.2, "orange"))).
		WithPanel(number("Oldest work that a customer waits for", "", seconds,
			line{`max(phonebill_kos_queue_oldest_seconds{class="interactive"})`, ""}, from(60, "orange"), from(300, "red"))).
		WithPanel(number("Faulty answers within an hour", "", count, line{"sum(increase(phonebill_kos_answer_faults_total[1h]))", ""}, from(1, "orange"))).
		WithPanel(graph("Calls by outcome", "", rate, line{`sum by (endpoint, outcome) (rate(phonebill_kos_call_duration_seconds_count[5m]))`, "{{endpoint}} {{outcome}}"})).
		WithPanel(graph("Time of a call", "Mean, with the retries of the sidecar. KOS promises 0.2 to 0.8 s.", seconds,
			line{"phonebill:kos_call_duration_seconds:mean5m", "{{endpoint}}"})).
		WithPanel(graph("Budget used", "Part of each rate limit.", share, line{"phonebill:kos_budget_used:ratio", "{{app}} {{endpoint}}"}).Max(1)).
		WithPanel(graph("Rate in use", "Below 1 after KOS has answered 429.", share,
			line{"min by (app, endpoint) (phonebill_kos_budget_share_ratio)", "{{app}} {{endpoint}}"}).Max(1)).
		WithPanel(graph("Breakers", "0 closed, 1 half-open, 2 open.", count, line{"circuit_breaker_state", "{{app_id}} {{target}}"}).Max(2)).
		WithPanel(graph("Answers of inquiries", "", rate, line{"sum by (how) (rate(phonebill_inquiry_answers_total[5m]))", "{{how}}"})).
		WithPanel(graph("Queues for KOS", "Items of all replicas.", count, line{`message_queue_depth{queue=~"kos:.+"}`, "{{app}} {{queue}}"})).
		WithPanel(graph("Attempts of queued items", "", rate,
			line{"sum by (endpoint, outcome) (rate(phonebill_kos_queue_attempts_total[5m]))", "{{endpoint}} {{outcome}}"}))
}

func planChanges() *dashboard.DashboardBuilder {
	const queue = `{app="product-change-service",endpoint="product-change"}`
	return board("plan changes", "Changes from their acceptance to the subscribers of their events.").
		WithPanel(number("Carried out or refused", "Part of the changes that became final.", share, line{"min(product_change_success_rate)", ""}, good()...)).
		WithPanel(number("Changes in the queue", "", count, line{"max(phonebill_kos_queue_items" + queue + ")", ""}, from(50, "orange"))).
		WithPanel(number("Oldest change in the queue", "", seconds, line{"max(phonebill_kos_queue_oldest_seconds" + queue + ")", ""}, from(60, "orange"), from(300, "red"))).
		WithPanel(number("Events not published", "", count, line{"max(phonebill_outbox_events)", ""}, from(10, "orange"))).
		WithPanel(graph("Changes by outcome", "Result codes of KOS; EXPIRED after 24 hours without an answer.", rate,
			line{"sum by (status, code) (rate(phonebill_changes_finished_total[5m]))", "{{status}} {{code}}"})).
		WithPanel(graph("Time to the end", "What half and 95 % of the changes do not exceed.", seconds,
			line{"histogram_quantile(0.5, sum by (le) (rate(phonebill_change_duration_seconds_bucket[15m])))", "50 %"},
			line{"histogram_quantile(0.95, sum by (le) (rate(phonebill_change_duration_seconds_bucket[15m])))", "95 %"})).
		WithPanel(graph("Attempts", "", rate, line{"sum by (outcome) (rate(phonebill_kos_queue_attempts_total" + queue + "[5m]))", "{{outcome}}"})).
		WithPanel(graph("Queue and outbox", "Items of all replicas.", count,
			line{`message_queue_depth{app="product-change-service"}`, "{{queue}}"})).
		WithPanel(graph("Events published", "", rate, line{"sum by (type, outcome) (rate(phonebill_events_published_total[5m]))", "{{type}} {{outcome}}"})).
		WithPanel(graph("Events consumed", "Poison and, after 13 attempts, failed ones become dead letters.", rate,
			line{"sum by (app, type, outcome) (rate(phonebill_events_consumed_total[5m]))", "{{app}} {{type}} {{outcome}}"}))
}

func sidecars() *dashboard.DashboardBuilder {
	return board("sidecars", "Dapr's sidecars, and the certificates with which they trust each other.").
		WithPanel(number("Sidecars", "That answer Prometheus.", count, line{`sum(up{container="daprd"})`, ""})).
		WithPanel(number("Sidecars that do not answer", "", count, line{`count(up{container="daprd"} == 0) or vector(0)`, ""}, from(1, "red"))).
		WithPanel(number("Issuer certificate", "Time until it expires.", seconds, line{"min(dapr_sentry_issuercert_expiry_timestamp) - time()", ""}, below("red"), from(14*86400, "green"))).
		WithPanel(number("Failed renewals within a day", "Of the sidecars' own certificates.", count,
			line{"sum(increase(dapr_runtime_mtls_workload_cert_rotated_fail_total[1d])) or vector(0)", ""}, from(1, "red"))).
		WithPanel(graph("Calls of state stores", "", rate,
			line{"sum by (app_id, component, operation, success) (rate(dapr_component_state_count[5m]))", "{{app_id}} {{component}} {{operation}} {{success}}"})).
		WithPanel(graph("Time of state stores", "Mean, in milliseconds.", "ms",
			line{"sum by (app_id, component) (rate(dapr_component_state_latencies_sum[5m])) / sum by (app_id, component) (rate(dapr_component_state_latencies_count[5m]))", "{{app_id}} {{component}}"})).
		WithPanel(graph("Events out", "", rate, line{"sum by (app_id, topic, success) (rate(dapr_component_pubsub_egress_count[5m]))", "{{app_id}} {{topic}} {{success}}"})).
		WithPanel(graph("Events in", "", rate,
			line{"sum by (app_id, topic, process_status) (rate(dapr_component_pubsub_ingress_count[5m]))", "{{app_id}} {{topic}} {{process_status}}"})).
		WithPanel(graph("Calls of other apps", "", rate,
			line{"sum by (app_id, dst_app_id) (rate(dapr_runtime_service_invocation_req_sent_total[5m]))", "{{app_id}} to {{dst_app_id}}"})).
		WithPanel(graph("Policies at work", "Retries, timeouts and breakers that acted.", rate,
			line{"sum by (app_id, policy, target) (rate(dapr_resiliency_activations_total[5m]))", "{{app_id}} {{policy}} {{target}}"})).
		WithPanel(graph("Memory", "", bytes, line{`max by (app, pod) (process_resident_memory_bytes{container="daprd"})`, "{{pod}}"})).
		WithPanel(graph("Series", "Samples of a scrape. Constant, unless a label has ids.", count,
			line{`max by (app) (scrape_samples_scraped{container="daprd"})`, "{{app}}"}))
}

func capacity() *dashboard.DashboardBuilder {
	return board("capacity", "How near the system is to its limits.").
		WithPanel(graph("CPU of the services", "Cores, all pods.", count, line{`sum by (app) (rate(process_cpu_seconds_total{container="app"}[5m]))`, "{{app}}"})).
		WithPanel(graph("CPU of the sidecars", "Cores, all pods.", count, line{`sum by (app) (rate(process_cpu_seconds_total{container="daprd"}[5m]))`, "{{app}}"})).
		WithPanel(graph("CPU of the limit", "By container; alert at 85 %.", share,
			line{`max by (pod, container) (rate(container_cpu_usage_seconds_total{container=~"app|daprd|nginx"}[5m]) / on (namespace, pod, container) group_left () kube_pod_container_resource_limits{resource="cpu"})`, "{{pod}} {{container}}"})).
		WithPanel(graph("Memory of the limit", "By container; alert at 90 %.", share,
			line{`max by (pod, container) (container_memory_working_set_bytes{container=~"app|daprd|nginx"} / on (namespace, pod, container) group_left () kube_pod_container_resource_limits{resource="memory"})`, "{{pod}} {{container}}"})).
		WithPanel(graph("Memory of the services", "", bytes, line{`max by (app, pod) (process_resident_memory_bytes{container="app"})`, "{{pod}}"})).
		WithPanel(graph("Requests at work", "All replicas.", count, line{"sum by (app) (phonebill_http_requests_in_flight)", "{{app}}"})).
		WithPanel(graph("Database connections", "In use, and the most that pools may have.", count,
			line{`sum by (app) (phonebill_database_connections{state="acquired"})`, "{{app}} in use"}, line{"sum by (app) (phonebill_database_max_connections)", "{{app}} at most"})).
		WithPanel(graph("Passwords", "Callers that wait for a hash; those refused per second.", count,
			line{"sum(phonebill_auth_password_waiting)", "waiting"}, line{"sum(rate(phonebill_auth_password_refused_total[5m]))", "refused"})).
		WithPanel(graph("Pods", "Now, of at most.", share,
			line{"max by (horizontalpodautoscaler) (kube_horizontalpodautoscaler_status_current_replicas) / max by (horizontalpodautoscaler) (kube_horizontalpodautoscaler_spec_max_replicas)", "{{horizontalpodautoscaler}}"}).Max(1)).
		WithPanel(graph("Budget of KOS used", "", share, line{"phonebill:kos_budget_used:ratio", "{{app}} {{endpoint}}"}).Max(1))
}
