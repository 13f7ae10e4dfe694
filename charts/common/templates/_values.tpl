{{/*
The effective values: the defaults of this chart, then global.service, then the
service's own. The later ones override the earlier ones.
*/}}
{{- define "common.values" -}}
{{- $own := omit .Values "common" "global" "enabled" | deepCopy -}}
{{- $shared := dig "service" dict (.Values.global | default dict) | deepCopy -}}
{{- $defaults := omit .Values.common "global" | deepCopy -}}
{{- mustMergeOverwrite $defaults $shared $own | toYaml -}}
{{- end -}}

{{/* Fails the rendering with the chart's name and a message. Takes root and message. */}}
{{- define "common.fail" -}}
{{- fail (printf "%s: %s" .root.Chart.Name .message) -}}
{{- end -}}

{{/* Labels that select the pods of a service. A Deployment's selector is immutable: never change them. */}}
{{- define "common.selector" -}}
app: {{ .Chart.Name }}
{{- end -}}

{{/* Labels of every object. */}}
{{- define "common.labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: phonebill
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}

{{/* Name, namespace and labels of an object. Takes root and name. */}}
{{- define "common.metadata" -}}
name: {{ .name }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "common.labels" .root | nindent 2 }}
{{- end -}}

{{- define "common.serviceAccount" -}}
{{ .Chart.Name }}-sa
{{- end -}}

{{/* The image reference, with the digest if there is one. Takes root and v. */}}
{{- define "common.image" -}}
{{- $image := .v.image -}}
{{- $name := $image.name | default (printf "phonebill/%s" .root.Chart.Name) -}}
{{- if $image.registry -}}{{- $name = printf "%s/%s" $image.registry $name -}}{{- end -}}
{{- $name = printf "%s:%s" $name ($image.tag | default .root.Chart.AppVersion) -}}
{{- if $image.digest -}}
{{- $name = printf "%s@%s" $name $image.digest -}}
{{- else if $image.requireDigest -}}
{{- include "common.fail" (dict "root" .root "message" "image.digest is required here; `make images` writes it to a values file") -}}
{{- end -}}
{{- $name -}}
{{- end -}}
