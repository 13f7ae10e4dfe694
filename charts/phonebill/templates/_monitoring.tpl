{{/* Metadata with the labels by which the operator selects objects. Takes root and name. */}}
{{- define "phonebill.monitoringMetadata" -}}
{{ include "phonebill.metadata" . }}
{{- with .root.Values.monitoring.labels }}
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
