{{/* Metadata with the labels by which the operator selects objects. Takes root and name. */}}
{{- define "phonebill.monitoringMetadata" -}}
{{ include "phonebill.metadata" . }}
{{- with .root.Values.monitoring.labels }}
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/*
A group of rules for Azure's managed Prometheus, as an object of Azure Service Operator.
Azure evaluates at most every minute, and has severities 0 to 4. Takes root and group.
*/}}
{{- define "phonebill.azureRules" -}}
{{- $azure := .root.Values.monitoring.azure -}}
apiVersion: alertsmanagement.azure.com/v1api20230301
kind: PrometheusRuleGroup
metadata:
  {{- include "phonebill.metadata" (dict "root" .root "name" .group.name) | nindent 2 }}
spec:
  owner: { armId: {{ required "monitoring.azure.resourceGroup is required" $azure.resourceGroup }} }
  location: {{ required "monitoring.azure.location is required" $azure.location }}
  scopesReferences:
    - { armId: {{ required "monitoring.azure.workspace is required" $azure.workspace }} }
  {{- with $azure.cluster }}
  clusterName: {{ . }}
  {{- end }}
  enabled: true
  interval: PT1M
  rules:
    {{- range .group.rules }}
    - enabled: true
      expression: {{ regexReplaceAll "\\s+" (trim .expr) " " | squote }}
      {{- with .labels }}
      labels:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- if .record }}
      record: {{ .record | quote }}
      {{- else }}
      alert: {{ .alert }}
      for: PT{{ .for | default "0m" | upper }}
      severity: {{ eq .labels.severity "page" | ternary 1 3 }}
      annotations:
        {{- toYaml .annotations | nindent 8 }}
      resolveConfiguration: { autoResolved: true, timeToResolve: PT5M }
      {{- with $azure.actionGroups }}
      actions:
        {{- range . }}
        - actionGroupReference: { armId: {{ . }} }
        {{- end }}
      {{- end }}
      {{- end }}
    {{- end }}
{{- end -}}
