{{/*
Annotations for Dapr's sidecar injector, for the Deployment and the migration Job.
The app-id is the name of the chart; scopes, secrets and access control refer to it.
*/}}
{{- define "common.daprAnnotations" -}}
{{- $name := .root.Chart.Name -}}
{{- $dapr := .v.dapr -}}
dapr.io/enabled: "true"
dapr.io/app-id: {{ $name }}
dapr.io/config: {{ $name }}
dapr.io/sidecar-listen-addresses: 127.0.0.1
dapr.io/disable-builtin-k8s-secret-store: "true"
{{- if $dapr.kubernetesSecrets }}
dapr.io/volume-mounts: kubernetes-api:/var/run/secrets/kubernetes.io/serviceaccount
{{- end }}
{{- if $dapr.tokens }}
dapr.io/api-token-secret: dapr-api-token-{{ $name }}
dapr.io/app-token-secret: app-api-token-{{ $name }}
{{- end }}
dapr.io/log-as-json: "true"
dapr.io/log-level: {{ $dapr.logLevel }}
dapr.io/enable-metrics: "true"
dapr.io/metrics-port: "9090"
dapr.io/sidecar-cpu-request: {{ $dapr.resources.requests.cpu | quote }}
dapr.io/sidecar-memory-request: {{ $dapr.resources.requests.memory | quote }}
dapr.io/sidecar-cpu-limit: {{ $dapr.resources.limits.cpu | quote }}
dapr.io/sidecar-memory-limit: {{ $dapr.resources.limits.memory | quote }}
dapr.io/sidecar-seccomp-profile-type: RuntimeDefault
dapr.io/graceful-shutdown-seconds: "5"
# A native sidecar container stops after the service's container, and ends with
# the Job's container.
dapr.io/enable-native-sidecar: "true"
{{- end -}}

{{/* Further annotations of the Deployment: the app's port, the health checks. */}}
{{- define "common.daprAppAnnotations" -}}
{{- $dapr := .v.dapr -}}
dapr.io/app-port: "8080"
dapr.io/app-protocol: http
# The sidecar checks liveness, not readiness: readiness depends on the sidecar,
# and the two would wait for each other.
dapr.io/enable-app-health-check: "true"
dapr.io/app-health-check-path: /actuator/health
dapr.io/app-health-probe-interval: "1"
dapr.io/app-health-probe-timeout: "500"
dapr.io/app-health-threshold: "3"
dapr.io/sidecar-liveness-probe-delay-seconds: "30"
dapr.io/sidecar-liveness-probe-period-seconds: "10"
dapr.io/sidecar-liveness-probe-threshold: "3"
dapr.io/sidecar-liveness-probe-timeout-seconds: "3"
dapr.io/sidecar-readiness-probe-delay-seconds: "1"
dapr.io/sidecar-readiness-probe-period-seconds: "2"
dapr.io/sidecar-readiness-probe-threshold: "3"
dapr.io/sidecar-readiness-probe-timeout-seconds: "2"
{{- end -}}

{{/* The app-ids that the service calls, as a YAML list. */}}
{{- define "common.calls" -}}
{{- $calls := .v.network.calls -}}
{{- if .v.kos.credentialsSecret -}}
{{- $calls = append $calls .v.kos.appId -}}
{{- end -}}
{{- toYaml $calls -}}
{{- end -}}

{{/*
The Dapr resources that the sidecar uses, as JSON, one per line: its Configuration;
the components, subscriptions and HTTPEndpoints whose scopes contain the app-id; the
resiliency policies for these and for the apps that it calls, if their scopes allow. JSON has no comments, so
a changed comment does not change the checksum. Empty if global.components, the folder
of the environment, is not set.
*/}}
{{- define "common.sidecarResources" -}}
{{- $app := .root.Chart.Name -}}
{{- $files := .root.Subcharts.common.Files -}}
{{- $targets := include "common.calls" . | fromYamlArray -}}
{{- with dig "components" "" (.root.Values.global | default dict) -}}
{{- range $path, $_ := $files.Glob (printf "files/components/%s/**.yaml" .) -}}
{{- $resource := $files.Get $path | fromYaml -}}
{{- if has $app ($resource.scopes | default list) -}}
{{- $targets = append $targets $resource.metadata.name -}}
{{ toJson $resource }}
{{ else if and (eq $resource.kind "Configuration") (eq $resource.metadata.name $app) -}}
{{ toJson $resource }}
{{ end -}}
{{- end -}}
{{- range $path, $_ := $files.Glob "files/resiliency/*.yaml" -}}
{{- $resource := $files.Get $path | fromYaml -}}
{{- $used := false -}}
{{- if or (not $resource.scopes) (has $app $resource.scopes) -}}
{{- range $name, $_ := merge dict (dig "apps" dict $resource.spec.targets) (dig "components" dict $resource.spec.targets) -}}
{{- if has $name $targets -}}{{- $used = true -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- if $used -}}
{{ toJson $resource }}
{{ end -}}
{{- end -}}
{{- end -}}
{{- end -}}
