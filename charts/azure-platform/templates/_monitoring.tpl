{{/* A UUID that a text determines, for resources whose names are UUIDs. */}}
{{- define "azure.uuid" -}}
{{- $hash := sha256sum . -}}
{{ substr 0 8 $hash }}-{{ substr 8 12 $hash }}-4{{ substr 13 16 $hash }}-8{{ substr 17 20 $hash }}-{{ substr 20 32 $hash }}
{{- end -}}
