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
  {{- if $v.network.calledBy }}
  # Callers' sidecars look up who answers only every 30 s: by then they must know a
  # new pod before the next old one goes.
  minReadySeconds: 35
  {{- end }}
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
    spec:
      {{- include "common.podSpec" $scope | nindent 6 }}
      # The wait before SIGTERM, the service's own stop (20 s at most), the sidecar's.
      terminationGracePeriodSeconds: {{ add (int $v.preStopSeconds) 30 }}
      {{- include "common.placement" $scope | nindent 6 }}
      containers:
        - name: app
          {{- include "common.container" $scope | nindent 10 }}
          ports:
            - { name: http, containerPort: 8080 }
          lifecycle:
            preStop:
              sleep: { seconds: {{ int $v.preStopSeconds }} }
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
