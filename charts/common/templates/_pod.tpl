{{/* Labels of the pods of the service and of its Job, without the selector's. */}}
{{- define "common.podLabels" -}}
tier: application
{{- if .v.workloadIdentity.clientId }}
azure.workload.identity/use: "true"
{{- end }}
{{ include "common.labels" .root }}
{{- end -}}

{{/*
Common parts of the pod specs of the service and of its Job. The service has no token
for the Kubernetes API. With dapr.kubernetesSecrets the sidecar has one, in a volume
that only the sidecar mounts.
*/}}
{{- define "common.podSpec" -}}
serviceAccountName: {{ include "common.serviceAccount" .root }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .v.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  seccompProfile: { type: RuntimeDefault }
{{- if .v.dapr.kubernetesSecrets }}
volumes:
  - name: kubernetes-api
    projected:
      sources:
        - serviceAccountToken: { path: token, expirationSeconds: 3600 }
        - configMap: { name: kube-root-ca.crt, items: [{ key: ca.crt, path: ca.crt }] }
        - downwardAPI: { items: [{ path: namespace, fieldRef: { fieldPath: metadata.namespace } }] }
{{- end }}
{{- end -}}

{{/* Node selector, tolerations, spread over zones and nodes. */}}
{{- define "common.placement" -}}
{{- with .v.placement.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
tolerations:
  {{- toYaml .v.placement.tolerations | nindent 2 }}
topologySpreadConstraints:
  - topologyKey: topology.kubernetes.io/zone
    maxSkew: 1
    whenUnsatisfiable: {{ .v.placement.zones }}
    nodeTaintsPolicy: Honor
    # Spreads each revision by itself. Otherwise the old pods influence where the
    # new ones are placed, and after the rollout all may be in one zone.
    matchLabelKeys: [pod-template-hash]
    labelSelector:
      matchLabels:
        {{- include "common.selector" .root | nindent 8 }}
affinity:
  podAntiAffinity:
    {{- if eq .v.placement.hosts "required" }}
    requiredDuringSchedulingIgnoredDuringExecution:
      - topologyKey: kubernetes.io/hostname
        labelSelector:
          matchLabels:
            {{- include "common.selector" .root | nindent 12 }}
    {{- else }}
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm:
          topologyKey: kubernetes.io/hostname
          labelSelector:
            matchLabels:
              {{- include "common.selector" .root | nindent 14 }}
    {{- end }}
{{- end -}}

{{/* Common parts of the service's container and the Job's. */}}
{{- define "common.container" -}}
image: {{ include "common.image" . }}
imagePullPolicy: {{ .v.image.pullPolicy }}
{{- if not .v.resources.limits }}
{{- include "common.fail" (dict "root" .root "message" "resources.limits are required") }}
{{- end }}
resources:
  {{- toYaml .v.resources | nindent 2 }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
env:
  {{- include "common.env" . | nindent 2 }}
{{- end -}}

{{/*
Variables for a connection pooler. An incomplete configuration is not rendered: it would
fail at run time only, and only in some operations.
*/}}
{{- define "common.poolerEnv" -}}
{{- $db := .database -}}
{{- if and (eq $db.pooler "none") (eq (int $db.port) 6432) -}}
{{- fail (printf "%s: database.port 6432 is that of a connection pooler: set database.pooler to its mode" .chart) -}}
{{- end -}}
{{- if eq $db.pooler "transaction" -}}
{{- if not (int $db.directPort) -}}
{{- fail (printf "%s: database.pooler transaction needs database.directPort, the port of PostgreSQL itself" .chart) -}}
{{- end -}}
{{- if and (eq (int $db.directPort) (int $db.port)) (has $db.directHost (list "" $db.host)) -}}
{{- fail (printf "%s: database.directHost and database.directPort lead to the pooler" .chart) -}}
{{- end -}}
DB_DIRECT_PORT: {{ int $db.directPort }}
{{ with $db.directHost }}DB_DIRECT_HOST: {{ . | quote }}{{ end }}
{{- end }}
{{- if ne $db.pooler "none" }}
DB_POOLER: {{ $db.pooler }}
{{- end }}
{{- end -}}

{{/* Environment variables, sorted by name. The value `env` overrides any of them. */}}
{{- define "common.env" -}}
{{- $v := .v -}}
{{- $env := dict "HTTP_ADDR" ":8080" "HTTP_LEAVE" "3s" "LOG_LEVEL" $v.logLevel -}}
{{- if $v.database.enabled -}}
{{- $name := required (printf "%s: database.name is required" .root.Chart.Name) $v.database.name -}}
{{- $database := dict
  "DB_HOST" $v.database.host
  "DB_PORT" (int $v.database.port)
  "DB_NAME" $name
  "DB_USER" $name
  "DB_PASSWORD_SECRET" $v.database.passwordSecret
  "DB_SSLMODE" $v.database.sslmode
  "DB_MAX_CONNS" (int $v.database.maxConns)
-}}
{{- $_ := mergeOverwrite $env $database (include "common.poolerEnv" (dict "chart" .root.Chart.Name "database" $v.database) | fromYaml) -}}
{{- end -}}
{{- with $v.trustedProxies }}{{- $_ := set $env "HTTP_TRUSTED_PROXIES" . -}}{{- end -}}
{{- with $v.hsts }}{{- $_ := set $env "HTTP_HSTS_MAX_AGE" . -}}{{- end -}}
{{- with $v.otlpEndpoint -}}
{{- $_ := set $env "OTEL_EXPORTER_OTLP_ENDPOINT" . -}}
{{- $_ := set $env "OTEL_TRACES_SAMPLER_ARG" $v.traceSampleRatio -}}
{{- end -}}
{{- with $v.kos.credentialsSecret -}}
{{- $_ := set $env "KOS_CREDENTIALS_SECRET" . -}}
{{- $_ := set $env "KOS_APP_ID" $v.kos.appId -}}
{{- end -}}
{{- range $key, $value := mergeOverwrite $env $v.env }}
- { name: {{ $key }}, value: {{ $value | toString | quote }} }
{{- end }}
{{- if $v.dapr.tokens }}
{{- range $name, $secret := dict "DAPR_API_TOKEN" "dapr-api-token" "APP_API_TOKEN" "app-api-token" }}
# The injector sets it in the sidecar only.
- name: {{ $name }}
  valueFrom: { secretKeyRef: { name: {{ $secret }}-{{ $.root.Chart.Name }}, key: token } }
{{- end }}
{{- end }}
{{- end -}}
