{{/*
Fails if global.backends has what PhoneBill cannot use, by the catalogue of the pinned Dapr:
another kind of backend, a type without the needed capabilities, unknown or missing options,
and secrets in plain text. `make run COMPONENTS=…` checks the same.
*/}}
{{- define "phonebill.checkBackends" -}}
{{- $catalogue := .Files.Get "files/catalogue.json" | fromJson -}}
{{- $needs := .Files.Get "files/needs.json" | fromJson -}}
{{- range $name, $backend := .Values.global.backends -}}
{{- $base := $.Files.Get (printf "files/components/%s/%s.yaml" $.Values.global.components $name) | fromYaml -}}
{{- if ne (toString $base.kind) "Component" -}}
{{- fail (printf "global.backends has %s, but components/%s has no such Component" $name $.Values.global.components) -}}
{{- end -}}
{{- if ne (splitList "." $backend.type | first) (splitList "." $base.spec.type | first) -}}
{{- fail (printf "global.backends.%s: %s cannot replace %s" $name $backend.type $base.spec.type) -}}
{{- end -}}
{{- $known := get $catalogue (printf "%s/%s" $backend.type $backend.version) | default dict -}}
{{- if ne (toString $known.status) "stable" -}}
{{- fail (printf "global.backends.%s: the pinned Dapr has no stable %s %s" $name $backend.type $backend.version) -}}
{{- end -}}
{{- range get $needs $name | default list -}}
{{- if not (has . ($known.capabilities | default list)) -}}
{{- fail (printf "global.backends.%s: %s lacks %s" $name $backend.type .) -}}
{{- end -}}
{{- end -}}
{{- $given := list -}}
{{- range $option := $backend.metadata -}}
{{- $given = append $given $option.name -}}
{{- if not (hasKey $known.options $option.name) -}}
{{- fail (printf "global.backends.%s: %s has no option %s" $name $backend.type $option.name) -}}
{{- end -}}
{{- if and (not $option.secretKeyRef) (or (dig $option.name "sensitive" false $known.options) (contains "password" (lower $option.name))) -}}
{{- fail (printf "global.backends.%s: %s has to be from the secret store (secretKeyRef)" $name $option.name) -}}
{{- end -}}
{{- end -}}
{{- range $option, $rule := $known.options -}}
{{- if and $rule.required (not (has $option $given)) -}}
{{- fail (printf "global.backends.%s: %s needs the option %s" $name $backend.type $option) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
