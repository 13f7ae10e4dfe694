{{/*
The ServiceAccount and its RoleBindings: the Role application-reader of the
chart phonebill and, if the secret store is Kubernetes, a Role that may get the
secrets of this service only.
*/}}
{{- define "common.access" -}}
{{- $v := include "common.values" . | fromYaml -}}
{{- $account := include "common.serviceAccount" . -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- include "common.metadata" (dict "root" . "name" $account) | nindent 2 }}
  {{- with $v.workloadIdentity.clientId }}
  annotations:
    azure.workload.identity/client-id: {{ . }}
  {{- end }}
automountServiceAccountToken: false
---
{{ include "common.roleBinding" (dict "root" . "name" (printf "%s-application-reader" .Chart.Name) "role" "application-reader") }}
{{- if $v.dapr.kubernetesSecrets }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  {{- include "common.metadata" (dict "root" . "name" (printf "%s-secrets" .Chart.Name)) | nindent 2 }}
rules:
  - apiGroups: [""]
    resources: [secrets]
    resourceNames:
      {{- range concat $v.secrets (include "common.componentSecrets" (dict "root" . "v" $v) | fromYamlArray) | sortAlpha | uniq }}
      - {{ . }}
      {{- end }}
    verbs: [get]
---
{{ include "common.roleBinding" (dict "root" . "name" (printf "%s-secrets" .Chart.Name) "role" (printf "%s-secrets" .Chart.Name)) }}
{{- end }}
{{- end -}}

{{- define "common.roleBinding" -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  {{- include "common.metadata" . | nindent 2 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {{ .role }}
subjects:
  - kind: ServiceAccount
    name: {{ include "common.serviceAccount" .root }}
    namespace: {{ .root.Release.Namespace }}
{{- end -}}
