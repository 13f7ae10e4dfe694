{{/*
The entry of a kind in files/kinds.yaml. The first call in a template also checks the values. Takes
root and kind.
*/}}
{{- define "azure.kind" -}}
{{- if not (hasKey .root "kinds") -}}
{{- include "azure.check" .root -}}
{{- $_ := set .root "kinds" (.root.Files.Get "files/kinds.yaml" | fromYaml) -}}
{{- end -}}
{{- $kind := get .root.kinds .kind | required (printf "files/kinds.yaml has no %s" .kind) -}}
{{- merge (dict "group" (splitList "/" $kind.api | first)) $kind (dict "kind" .kind) | toYaml -}}
{{- end -}}

{{/*
The beginning of an object up to its spec, after the diagnostic setting of its resource. Takes
root, kind, name, azureName if it differs from the name, and policy, which overrides the
reconcile policy.
*/}}
{{- define "azure.object" -}}
{{- $kind := include "azure.kind" . | fromYaml -}}
{{- if or $kind.logs $kind.metrics }}
{{ include "azure.diagnosticSetting" (merge (dict "of" $kind) .) }}
{{- end }}
---
apiVersion: {{ $kind.api }}
kind: {{ $kind.kind }}
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    app.kubernetes.io/part-of: phonebill
    app.kubernetes.io/instance: {{ .root.Release.Name }}
    app.kubernetes.io/managed-by: {{ .root.Release.Service }}
    helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
  annotations:
    argocd.argoproj.io/sync-wave: {{ $kind.wave | quote }}
    {{- with .policy | default (ternary "detach-on-delete" "" ($kind.keep | default false)) }}
    serviceoperator.azure.com/reconcile-policy: {{ . }}
    {{- end }}
spec:
  {{- with .azureName }}
  azureName: {{ . }}
  {{- end }}
{{- end -}}

{{/* The same for a resource in the resource group, with location and tags. location overrides the region. */}}
{{- define "azure.resource" -}}
{{ include "azure.object" . }}
  owner: { name: {{ .root.Values.names.resourceGroup }} }
  location: {{ .location | default .root.Values.region }}
  tags: {{- include "azure.tags" .root | nindent 4 }}
{{- end -}}

{{- define "azure.tags" -}}
system: phonebill
environment: {{ .Values.environment }}
{{- end -}}

{{/* A reference to an object. Takes root, kind and name. */}}
{{- define "azure.ref" -}}
{{- $kind := include "azure.kind" . | fromYaml -}}
{ group: {{ $kind.group }}, kind: {{ $kind.kind }}, name: {{ .name }} }
{{- end -}}

{{/* The resource id of a path in the resource group, for fields that take no reference. Takes root and path. */}}
{{- define "azure.id" -}}
/subscriptions/{{ .root.Values.subscription }}/resourceGroups/{{ .root.Values.names.resourceGroup }}/providers/{{ .path }}
{{- end -}}

{{/* All logs and metrics of a resource, to the workspace. Takes root, of (the kind) and name. */}}
{{- define "azure.diagnosticSetting" -}}
{{- $name := printf "%s-%s" (lower .of.kind) .name -}}
{{ include "azure.object" (dict "root" .root "kind" "DiagnosticSetting" "name" $name "azureName" "workspace") }}
  owner: { group: {{ .of.group }}, kind: {{ .of.kind }}, name: {{ .name }} }
  workspaceReference: {{ include "azure.ref" (dict "root" .root "kind" "Workspace" "name" .root.Values.names.workspace) }}
  {{- with .of.logs }}
  logs: [{ categoryGroup: {{ . }}, enabled: true }]
  {{- end }}
  {{- if .of.metrics }}
  metrics: [{ category: AllMetrics, enabled: true }]
  {{- end }}
{{- end -}}
