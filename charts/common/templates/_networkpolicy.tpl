{{/*
Who may reach the service, and whom it and its sidecar reach: nobody else, with
the system's deny-all. App and sidecar talk on the loopback address, where no
policy looks, so only the edge reaches port 8080; the probes come from the node.
*/}}
{{- define "common.networkPolicy" -}}
{{- $v := include "common.values" . | fromYaml -}}
{{- $net := $v.network -}}
{{- if $net.enabled -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "common.metadata" (dict "root" . "name" .Chart.Name) | nindent 2 }}
spec:
  podSelector:
    matchExpressions:
      - { key: app, operator: In, values: [{{ .Chart.Name }}, {{ .Chart.Name }}-migrate] }
  policyTypes: [Ingress, Egress]
  {{- $in := include "common.ingressRules" $net }}
  ingress: {{- if $in }}{{ $in | nindent 4 }}{{ else }} []{{ end }}
  egress:
    {{- include "common.egressRules" (dict "root" . "v" $v) | nindent 4 }}
{{- end -}}
{{- end -}}

{{- define "common.ingressRules" -}}
{{- with .ingress -}}
{{ include "common.rule" (dict "way" "from" "peers" . "ports" (list 8080)) }}
{{ end -}}
{{- with .monitoring -}}
{{ include "common.rule" (dict "way" "from" "peers" . "ports" (list 8080 9090)) }}
{{ end -}}
{{- with .calledBy -}}
{{ include "common.rule" (dict "way" "from" "peers" (include "common.services" . | fromYamlArray) "ports" (list 50002)) }}
{{ end -}}
{{- end -}}

{{- define "common.egressRules" -}}
{{- $net := .v.network -}}
{{- $calls := include "common.calls" . | fromYamlArray -}}
{{- if ne .v.kos.appId "kos-mock-service" -}}
{{- $calls = without $calls .v.kos.appId -}}{{- /* an endpoint, not pods */ -}}
{{- end -}}
{{ include "common.dnsRule" . }}
# Sentry, operator, placement, scheduler.
- to:
    - namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: {{ .v.dapr.namespace }} } }
  ports:
    {{- range list 50001 6500 50005 50006 }}
    - { protocol: TCP, port: {{ . }} }
    {{- end }}
{{- with $calls }}
{{ include "common.rule" (dict "way" "to" "peers" (include "common.services" . | fromYamlArray) "ports" (list 50002)) }}
{{- end }}
{{- with $net.database }}
{{ include "common.rule" (dict "way" "to" "peers" . "ports" (include "common.databasePorts" $.v.database | fromYamlArray)) }}
{{- end }}
{{- if and $net.stores .v.componentSecrets }}
{{ include "common.rule" (dict "way" "to" "peers" $net.stores "ports" (list $net.storesPort)) }}
{{- end }}
{{- with $net.https }}
{{ include "common.rule" (dict "way" "to" "peers" . "ports" (list 443)) }}
{{- end }}
{{- if .v.dapr.kubernetesSecrets }}
{{ include "common.rule" (dict "way" "to" "peers" $net.apiServer "ports" (list $net.apiServerPort)) }}
{{- end }}
{{- with $net.tracing }}
{{ include "common.rule" (dict "way" "to" "peers" . "ports" (list 4317)) }}
{{- end }}
{{- end -}}

{{- define "common.dnsRule" -}}
- to:
    - namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: kube-system } }
      podSelector: { matchLabels: { k8s-app: kube-dns } }
  ports:
    - { protocol: UDP, port: 53 }
    - { protocol: TCP, port: 53 }
{{- end -}}

{{/* The port of the database, and of the server behind its pooler. */}}
{{- define "common.databasePorts" -}}
{{- $ports := list (int .port) -}}
{{- if eq .pooler "transaction" -}}
{{- $ports = append $ports (int .directPort) -}}
{{- end -}}
{{- toYaml ($ports | uniq) -}}
{{- end -}}

{{/* One rule: way (from, to), peers, ports. */}}
{{- define "common.rule" -}}
- {{ .way }}:
    {{- toYaml .peers | nindent 4 }}
  ports:
    {{- range .ports }}
    - { protocol: TCP, port: {{ int . }} }
    {{- end }}
{{- end -}}

{{/* The pods of services, by name, as peers. */}}
{{- define "common.services" -}}
{{- range . }}
- podSelector: { matchLabels: { app: {{ . }}, tier: application } }
{{- end }}
{{- end -}}
