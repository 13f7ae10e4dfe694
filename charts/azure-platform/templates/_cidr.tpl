{{/* The prefix length of a network. */}}
{{- define "azure.bits" -}}{{ splitList "/" . | last }}{{- end -}}

{{/* The number of addresses of a network with a prefix length. 0 for lengths beyond 32. */}}
{{- define "azure.size" -}}
{{- $size := le (int .) 32 | ternary 1 0 -}}
{{- range until (max 0 (sub 32 (int .)) | int) }}{{ $size = mul $size 2 }}{{ end -}}
{{ $size }}
{{- end -}}

{{/* The first address of a network as a number. */}}
{{- define "azure.first" -}}
{{- $address := 0 -}}
{{- range splitList "." (splitList "/" . | first) }}{{ $address = add (mul $address 256) (int .) }}{{ end -}}
{{- $size := include "azure.size" (include "azure.bits" .) | int64 -}}
{{ mul (div $address $size) $size }}
{{- end -}}

{{/*
An address or a network relative to another network, as absolute: 0.0.1.0/24 of 10.0.0.0/16 is
10.0.1.0/24. Takes a list of both, the network first.
*/}}
{{- define "azure.absolute" -}}
{{- $parts := splitList "/" (index . 1) -}}
{{- $address := add (include "azure.first" (index . 0)) (include "azure.first" (printf "%s/32" (first $parts))) -}}
{{- $bytes := list -}}
{{- range list 16777216 65536 256 1 }}{{ $bytes = append $bytes (mod (div $address .) 256 | toString) }}{{ end -}}
{{- prepend (rest $parts) (join "." $bytes) | join "/" -}}
{{- end -}}

{{/* The networks of the subnets, as YAML. */}}
{{- define "azure.subnets" -}}
{{- range $name, $subnet := .Values.network.subnets }}
{{ $name }}: {{ include "azure.absolute" (list $.Values.network.addressSpace $subnet.cidr) }}
{{- end }}
{{- end -}}

{{/* Whether a network contains another. Takes a list of both. */}}
{{- define "azure.contains" -}}
{{- $outer := index . 0 -}}
{{- $inner := index . 1 -}}
{{- $from := include "azure.first" $outer | int64 -}}
{{- $to := add $from (include "azure.size" (include "azure.bits" $outer)) -}}
{{- $begin := include "azure.first" $inner | int64 -}}
{{ and (ge $begin $from) (le (add $begin (include "azure.size" (include "azure.bits" $inner))) $to) }}
{{- end -}}
