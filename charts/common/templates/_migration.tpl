{{/*
The Job that migrates the database, a hook. An upgrade runs it first and stops
where it fails: the pods of before go on with the database of before. It gets the
password like the service does, from its sidecar; what that needs is there from
the release before. The first install brings all of this along and has nothing to
protect, so there it runs last; until then the services wait for their tables.
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
    # A Job that failed stays, with its log, until the next one.
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
