{{/*
The peers that may connect to the service's pods, and the peers that the pods may
connect to. Together with the policy deny-by-default of the chart phonebill it denies
all others. App and sidecar use the loopback address, which no policy covers, so port
8080 is open to the edge and to the metrics collector only. Probes come from the node.
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
{{- $calls = without $calls .v.kos.appId -}}{{- /* an HTTPEndpoint has no pods */ -}}
{{- end -}}
{{ include "common.dnsRule" . }}
# Dapr's control plane: sentry, operator, placement, scheduler.
- to:
    - namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: {{ .v.dapr.namespace }} } }
  ports:
    {{- range list 50001 6500 50005 50006 }}
    - { protocol: TCP, port: {{ . }} }
    {{- end }}
{{- with $calls }}
{{ include "common.rule" (dict "way" "to" "peers" (include "common.services" . | fromYamlArray) "ports" (list 50002)) }}
{{- end }}
{{- if and $net.database .v.database.enabled }}
{{ include "common.rule" (dict "way" "to" "peers" $net.database "ports" (include "common.databasePorts" $.v.database | fromYamlArray)) }}
{{- end }}
{{- $stores := include "common.storePorts" . | fromYamlArray }}
{{- if and $net.stores $stores }}
{{ include "common.rule" (dict "way" "to" "peers" $net.stores "ports" $stores) }}
{{- end }}
{{- if and $net.https .v.secrets }}
{{ include "common.rule" (dict "way" "to" "peers" $net.https "ports" (list 443)) }}
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

{{/* The ports of the database: of the pooler and, in transaction mode, of PostgreSQL itself. */}}
{{- define "common.databasePorts" -}}
{{- $ports := list (int .port) -}}
{{- if eq .pooler "transaction" -}}
{{- $ports = append $ports (int .directPort) -}}
{{- end -}}
{{- toYaml ($ports | uniq) -}}
{{- end -}}

{{/* One rule. Takes way (from or to), peers and ports. */}}
{{- define "common.rule" -}}
- {{ .way }}:
    {{- toYaml .peers | nindent 4 }}
  ports:
    {{- range .ports }}
    - { protocol: TCP, port: {{ int . }} }
    {{- end }}
{{- end -}}

{{/* Takes names of services. Returns their pods as peers. */}}
{{- define "common.services" -}}
{{- range . }}
- podSelector: { matchLabels: { app: {{ . }}, tier: application } }
{{- end }}
{{- end -}}
