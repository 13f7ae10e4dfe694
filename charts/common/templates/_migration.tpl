{{/*
The Job that migrates the database. An upgrade runs it first, as a hook, and
stops where it fails: the pods of before go on with the database of before. It
gets the password like the service does, from its sidecar; what that needs is
there from the release before. The first install has nothing to protect and
brings all of this along, so the Job is one object among the others there.
*/}}
{{- define "common.migration" -}}
{{- $v := include "common.values" . | fromYaml -}}
{{- if $v.migration.enabled -}}
{{- $scope := dict "root" . "v" $v -}}
{{- $name := printf "%s-migrate" .Chart.Name -}}
apiVersion: batch/v1
kind: Job
metadata:
  {{- include "common.metadata" (dict "root" . "name" (ternary (printf "%s-first" $name) $name .Release.IsInstall)) | nindent 2 }}
  {{- if not .Release.IsInstall }}
  annotations:
    helm.sh/hook: pre-upgrade
    # A Job that failed stays, with its log, until the next one.
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
  {{- end }}
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
