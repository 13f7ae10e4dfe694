{{- /*
Configuration of the collector. Takes the values of `collector`. Apps and sidecars sample a share of the
traces; of these, the collector keeps all with an error, all that took long, and others up to a rate.
*/ -}}
{{- define "phonebill.collectorConfig" -}}
extensions:
  health_check: { endpoint: "0.0.0.0:13133" }
receivers:
  otlp: { protocols: { grpc: { endpoint: "0.0.0.0:4317" } } }
processors:
  memory_limiter: { check_interval: 1s, limit_mib: {{ int .memoryMiB }}, spike_limit_mib: {{ div (int .memoryMiB) 4 }} }
  # Spans of PhoneBill have no personal data. This masks what a library may add: line numbers, tokens.
  redaction:
    allow_all_keys: true
    blocked_values: ['\b01[016-9]-?[0-9]{3,4}-?[0-9]{4}\b', 'eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_.-]+']
  tail_sampling:
    decision_wait: {{ .decisionWait }}
    num_traces: {{ int .traces }}
    policies:
      - { name: errors, type: status_code, status_code: { status_codes: [ERROR] } }
      - { name: slow, type: latency, latency: { threshold_ms: {{ int .slowMilliseconds }} } }
      - { name: others, type: rate_limiting, rate_limiting: { spans_per_second: {{ int .spansPerSecond }} } }
  batch: {}
exporters:
  {{- if eq .exporter "azuremonitor" }}
  azuremonitor: { connection_string: "${file:/secrets/connection-string}" }
  {{- else }}
  otlp_grpc: { endpoint: {{ required "collector.otlpEndpoint is required" .otlpEndpoint | quote }}, tls: { insecure: {{ .otlpInsecure }} } }
  {{- end }}
service:
  extensions: [health_check]
  telemetry: { metrics: { level: none }, logs: { encoding: json } }
  pipelines:
    traces: { receivers: [otlp], processors: [memory_limiter, redaction, tail_sampling, batch], exporters: [{{ eq .exporter "otlp" | ternary "otlp_grpc" .exporter }}] }
{{- end -}}
