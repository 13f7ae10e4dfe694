{{/*
The Deployment. It says nothing about the number of pods where that is the
autoscaler's decision: each upgrade would reset it.
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
        # The sidecar reads these when it starts, and never again.
        checksum/dapr: {{ sha256sum . }}
        {{- end }}
    spec:
      {{- include "common.podSpec" $scope | nindent 6 }}
      # The wait before SIGTERM, the service's own stop (20 s at most), the sidecar's.
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
How long a pod that is to end still takes requests. Nobody tells callers' sidecars
that it ends: for a while yet they choose it from what they looked up before.
*/}}
{{- define "common.preStopSeconds" -}}
{{- $lookup := ternary .dapr.lookupSeconds 0 (not (empty .network.calledBy)) -}}
{{- max (int .preStopSeconds) (int $lookup) -}}
{{- end -}}
