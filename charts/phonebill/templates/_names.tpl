{{/* Labels of the objects that belong to no service. */}}
{{- define "phonebill.labels" -}}
app.kubernetes.io/name: phonebill
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: phonebill
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}

{{- define "phonebill.metadata" -}}
name: {{ .name }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "phonebill.labels" .root | nindent 2 }}
{{- end -}}

{{/* Security context of the PostgreSQL and Redis pods, as the Pod Security level "restricted" requires. */}}
{{- define "phonebill.podSecurity" -}}
runAsNonRoot: true
runAsUser: 999
runAsGroup: 999
fsGroup: 999
seccompProfile: { type: RuntimeDefault }
{{- end -}}

{{- define "phonebill.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end -}}
