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
A resource of the environment, as YAML, with the backend that global.backends has for its
component. Takes resource and global. Name, scopes and secret store stay, and so do the
options by which the services agree on keys and topics.
*/}}
{{- define "common.resource" -}}
{{- $resource := .resource -}}
{{- with dig "backends" $resource.metadata.name nil (.global | default dict) -}}
{{- $metadata := .metadata -}}
{{- range $resource.spec.metadata -}}
{{- if has .name (list "keyPrefix" "publishingScopes" "subscriptionScopes") -}}
{{- $metadata = append $metadata . -}}
{{- end -}}
{{- end -}}
{{- $_ := set $resource "spec" (dict "type" .type "version" .version "metadata" $metadata) -}}
{{- end -}}
{{- toYaml $resource -}}
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
{{- $resource := include "common.resource" (dict "resource" ($files.Get $path | fromYaml) "global" $.root.Values.global) | fromYaml -}}
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

{{/* The names of the secrets that the sidecar's components refer to, as a YAML list. */}}
{{- define "common.componentSecrets" -}}
{{- $names := list -}}
{{- range include "common.sidecarResources" . | trim | splitList "\n" -}}
{{- range dig "spec" "metadata" list (fromJson .) -}}
{{- with dig "secretKeyRef" "name" "" . -}}
{{- $names = append $names . -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml ($names | uniq) -}}
{{- end -}}

{{/*
The ports of the backends of the sidecar's state stores and broker, as a YAML list: that of
global.backends, or else network.storesPort.
*/}}
{{- define "common.storePorts" -}}
{{- $ports := list -}}
{{- range include "common.sidecarResources" . | trim | splitList "\n" -}}
{{- $resource := fromJson . -}}
{{- if or (hasPrefix "state." (dig "spec" "type" "" $resource)) (hasPrefix "pubsub." (dig "spec" "type" "" $resource)) -}}
{{- $backends := dig "backends" dict ($.root.Values.global | default dict) -}}
{{- $ports = append $ports (dig $resource.metadata.name "port" $.v.network.storesPort $backends | int) -}}
{{- end -}}
{{- end -}}
{{- toYaml ($ports | uniq) -}}
{{- end -}}
