{{/*
The autoscaler, by autoscaling.mode: an HPA, a KEDA ScaledObject (which creates
the HPA) or none. CPU and memory are those of the service's container: the
sidecar's usage does not follow load.
*/}}
{{- define "common.autoscaling" -}}
{{- $v := include "common.values" . | fromYaml -}}
{{- $scope := dict "root" . "v" $v -}}
{{- if eq $v.autoscaling.mode "hpa" -}}
{{ include "common.hpa" $scope }}
{{- else if eq $v.autoscaling.mode "keda" -}}
{{ include "common.scaledObject" $scope }}
{{- end -}}
{{- end -}}

{{- define "common.hpa" -}}
{{- $auto := .v.autoscaling -}}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  {{- include "common.metadata" (dict "root" .root "name" .root.Chart.Name) | nindent 2 }}
spec:
  scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: {{ .root.Chart.Name }} }
  minReplicas: {{ int $auto.minReplicas }}
  maxReplicas: {{ int $auto.maxReplicas }}
  behavior:
    {{- include "common.scaleDown" $auto | nindent 4 }}
  metrics:
    {{- range $resource := list "cpu" "memory" }}
    {{- with get $auto $resource }}
    - type: ContainerResource
      containerResource:
        container: app
        name: {{ $resource }}
        target: { type: Utilization, averageUtilization: {{ int . }} }
    {{- end }}
    {{- end }}
    {{- if and $auto.podMetrics $auto.metric.name }}
    {{- $target := dict "type" "AverageValue" "averageValue" ($auto.metric.perPod | toString) }}
    {{- if $auto.metric.shared }}
    # An external metric with AverageValue is divided by the number of pods. A pod
    # metric would not do: every pod reports the total, so their average is the total.
    - type: External
      external:
        metric: { name: {{ $auto.metric.name }}, selector: { matchLabels: { app: {{ .root.Chart.Name }} } } }
        target: {{ toJson $target }}
    {{- else }}
    - type: Pods
      pods:
        metric: { name: {{ $auto.metric.name }} }
        target: {{ toJson $target }}
    {{- end }}
    {{- end }}
{{- end -}}

{{- define "common.scaledObject" -}}
{{- $auto := .v.autoscaling -}}
{{- $name := .root.Chart.Name -}}
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata:
  {{- include "common.metadata" (dict "root" .root "name" $name) | nindent 2 }}
spec:
  scaleTargetRef: { name: {{ $name }} }
  minReplicaCount: {{ int $auto.minReplicas }}
  maxReplicaCount: {{ int $auto.maxReplicas }}
  {{- if $auto.metric.name }}
  # If the metric cannot be read three times: the current number of pods, but at
  # least minReplicas.
  fallback: { failureThreshold: 3, replicas: {{ int $auto.minReplicas }}, behavior: currentReplicasIfHigher }
  {{- end }}
  advanced:
    horizontalPodAutoscalerConfig:
      name: {{ $name }}
      behavior:
        {{- include "common.scaleDown" $auto | nindent 8 }}
  triggers:
    {{- range $resource := list "cpu" "memory" }}
    {{- with get $auto $resource }}
    - type: {{ $resource }}
      metricType: Utilization
      metadata: { containerName: app, value: {{ int . | quote }} }
    {{- end }}
    {{- end }}
    {{- if $auto.metric.name }}
    - type: prometheus
      name: {{ $auto.metric.name }}
      metricType: AverageValue
      metadata:
        serverAddress: {{ required (printf "%s: autoscaling.prometheus.address is required with keda" $name) $auto.prometheus.address }}
        query: {{ $auto.metric.query | replace "$pods" (include "common.podSeries" .) | squote }}
        # An empty result is an error: the pods are not scraped, which is not zero load.
        ignoreNullValues: "false"
        threshold: {{ $auto.metric.perPod | toString | quote }}
      {{- if $auto.prometheus.workloadIdentity }}
      authenticationRef: { name: {{ $name }}-metrics }
      {{- end }}
    {{- end }}
{{- if and $auto.metric.name $auto.prometheus.workloadIdentity }}
---
apiVersion: keda.sh/v1alpha1
kind: TriggerAuthentication
metadata:
  {{- include "common.metadata" (dict "root" .root "name" (printf "%s-metrics" $name)) | nindent 2 }}
spec:
  podIdentity: { provider: azure-workload, identityId: {{ $auto.prometheus.workloadIdentity }} }
{{- end }}
{{- end -}}

{{/*
Label matchers that select the series of a service's pods. Prometheus copies the
labels of a pod; the name of the namespace label depends on its scrape configuration.
*/}}
{{- define "common.podSeries" -}}
app="{{ .root.Chart.Name }}",{{ .v.autoscaling.prometheus.namespaceLabel }}="{{ .root.Release.Namespace }}"
{{- end -}}

{{/* Scales up at once. Scales down by one pod a minute, after scaleDownSeconds of lower load. */}}
{{- define "common.scaleDown" -}}
scaleDown:
  stabilizationWindowSeconds: {{ int .scaleDownSeconds }}
  policies: [{ type: Pods, value: 1, periodSeconds: 60 }]
{{- end -}}
