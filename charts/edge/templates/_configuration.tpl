{{/* nginx.conf: the template of the local ingress, with the values for a cluster. */}}
{{- define "edge.configuration" -}}
{{- $v := include "common.values" . | fromYaml -}}
{{- $apps := dict -}}
{{- range $v.network.calls -}}
{{- $_ := set $apps . (printf "%s:8080" .) -}}
{{- end -}}
{{- $values := dict "Apps" $apps "Listen" "8080" "Probe" "8081" "Workers" "2" "User" "" "Behind" true -}}
{{- tpl (.Files.Get "files/nginx.conf.tmpl") $values -}}
{{- end -}}
