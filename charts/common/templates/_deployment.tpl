{{/*
The Deployment. It sets replicas only if there is no autoscaler: otherwise every
upgrade would reset the autoscaler's decision.
*/}}
{{- define "common.deployment" -}}
{{- $v := include "common.values" . | fromYaml -}}
{{- $scope := dict "root" . "v" $v -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  {{- include "common.metadata" (dict "root" . "name" .Chart.Name) | nindent 2 }}
spec:
  {{- if eq $v.autoscaling.mode "none" }}
  replicas: {{ int $v.replicas }}
  {{- end }}
  revisionHistoryLimit: 5
  progressDeadlineSeconds: 300
  strategy:
    type: RollingUpdate
    rollingUpdate: { maxSurge: 1, maxUnavailable: 0 }
  selector:
    matchLabels:
      {{- include "common.selector" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "common.selector" . | nindent 8 }}
        {{- include "common.podLabels" $scope | nindent 8 }}
      annotations:
        prometheus.io/scrape: "true"
        prometheus.io/path: /actuator/prometheus
        prometheus.io/port: "8080"
        {{- include "common.daprAnnotations" $scope | nindent 8 }}
        {{- include "common.daprAppAnnotations" $scope | nindent 8 }}
        {{- with include "common.sidecarResources" $scope }}
        # The sidecar reads these only when it starts, so a change has to replace the pod.
        checksum/dapr: {{ sha256sum . }}
        {{- end }}
    spec:
      {{- include "common.podSpec" $scope | nindent 6 }}
      # preStop, then 30 s: the service drains (20 s at most), then the sidecar stops.
      terminationGracePeriodSeconds: {{ add (include "common.preStopSeconds" $v) 30 }}
      {{- include "common.placement" $scope | nindent 6 }}
      containers:
        - name: app
          {{- include "common.container" $scope | nindent 10 }}
          ports:
            - { name: http, containerPort: 8080 }
          lifecycle:
            preStop:
              sleep: { seconds: {{ include "common.preStopSeconds" $v }} }
          startupProbe:
            httpGet: { path: /actuator/health, port: http }
            periodSeconds: 1
            failureThreshold: 60
          livenessProbe:
            httpGet: { path: /actuator/health, port: http }
            initialDelaySeconds: 30
            periodSeconds: 10
            timeoutSeconds: 2
          readinessProbe:
            httpGet: { path: /actuator/health/readiness, port: http }
            initialDelaySeconds: 5
            periodSeconds: 5
            timeoutSeconds: 2
{{- end -}}

{{/*
Seconds that a terminating pod waits, still serving requests, before SIGTERM. At least
dapr.lookupSeconds if other services call it: their sidecars resolve the app-id by DNS
and use a cached answer, so they call the pod until that answer is replaced.
*/}}
{{- define "common.preStopSeconds" -}}
{{- $lookup := ternary .dapr.lookupSeconds 0 (not (empty .network.calledBy)) -}}
{{- max (int .preStopSeconds) (int $lookup) -}}
{{- end -}}
