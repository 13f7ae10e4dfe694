{{/*
The Job that migrates the database, as a Helm hook. An upgrade runs it first and stops
if it fails: the old pods continue with the old schema. The Job reads the database
password through its sidecar, as the service does; the ServiceAccount and the components
for that exist since the previous release. A first install has no such release and no
data, so the Job runs after the other objects; the services wait for their tables.
*/}}
{{- define "common.migration" -}}
{{- $v := include "common.values" . | fromYaml -}}
{{- if $v.migration.enabled -}}
{{- $scope := dict "root" . "v" $v -}}
{{- $name := printf "%s-migrate" .Chart.Name -}}
apiVersion: batch/v1
kind: Job
metadata:
  {{- include "common.metadata" (dict "root" . "name" $name) | nindent 2 }}
  annotations:
    helm.sh/hook: {{ ternary "post-install" "pre-upgrade" .Release.IsInstall }}
    # Keeps a failed Job and its log until the next one is created.
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
spec:
  backoffLimit: {{ int $v.migration.retries }}
  activeDeadlineSeconds: {{ int $v.migration.seconds }}
  template:
    metadata:
      labels:
        app: {{ $name }}
        {{- include "common.podLabels" $scope | nindent 8 }}
      annotations:
        {{- include "common.daprAnnotations" $scope | nindent 8 }}
    spec:
      {{- include "common.podSpec" $scope | nindent 6 }}
      restartPolicy: Never
      tolerations:
        {{- toYaml $v.placement.tolerations | nindent 8 }}
      containers:
        - name: app
          args: [migrate]
          {{- include "common.container" $scope | nindent 10 }}
{{- end -}}
{{- end -}}
