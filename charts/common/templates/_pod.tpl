{{/* Labels of a pod that are not selected by: of the service and of its Job. */}}
{{- define "common.podLabels" -}}
tier: application
{{- if .v.workloadIdentity.clientId }}
azure.workload.identity/use: "true"
{{- end }}
{{ include "common.labels" .root }}
{{- end -}}

{{/*
What the pods of a service and of its Job have in common. The service has no
token for the Kubernetes API, and needs none; where the sidecar does, it gets
one in a volume of its own.
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

{{/* Where pods go. */}}
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
    # Each revision by itself: else the old pods decide where the new ones go,
    # and what is left of them may be all in one zone.
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

{{/* The service's container, for both as well. */}}
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

{{/* The way through a connection pooler and past it. Half a configuration would fail later, now and then. */}}
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

{{/* The environment, sorted by name. Its own `env` may replace any of it. */}}
{{- define "common.env" -}}
{{- $v := .v -}}
{{- $name := required (printf "%s: database.name is required" .root.Chart.Name) $v.database.name -}}
{{- $env := dict
  "HTTP_ADDR" ":8080"
  "HTTP_LEAVE" "3s"
  "LOG_LEVEL" $v.logLevel
  "DB_HOST" $v.database.host
  "DB_PORT" (int $v.database.port)
  "DB_NAME" $name
  "DB_USER" $name
  "DB_PASSWORD_SECRET" $v.database.passwordSecret
  "DB_SSLMODE" $v.database.sslmode
  "DB_MAX_CONNS" (int $v.database.maxConns)
-}}
{{- $_ := mergeOverwrite $env (include "common.poolerEnv" (dict "chart" .root.Chart.Name "database" $v.database) | fromYaml) -}}
{{- with $v.trustedProxies }}{{- $_ := set $env "HTTP_TRUSTED_PROXIES" . -}}{{- end -}}
{{- with $v.hsts }}{{- $_ := set $env "HTTP_HSTS_MAX_AGE" . -}}{{- end -}}
{{- with $v.otlpEndpoint }}{{- $_ := set $env "OTEL_EXPORTER_OTLP_ENDPOINT" . -}}{{- end -}}
{{- with $v.kos.credentialsSecret -}}
{{- $_ := set $env "KOS_CREDENTIALS_SECRET" . -}}
{{- $_ := set $env "KOS_APP_ID" $v.kos.appId -}}
{{- end -}}
{{- range $key, $value := mergeOverwrite $env $v.env }}
- { name: {{ $key }}, value: {{ $value | toString | quote }} }
{{- end }}
{{- if $v.dapr.tokens }}
{{- range $name, $secret := dict "DAPR_API_TOKEN" "dapr-api-token" "APP_API_TOKEN" "app-api-token" }}
# The injector gives it to the sidecar only.
- name: {{ $name }}
  valueFrom: { secretKeyRef: { name: {{ $secret }}-{{ $.root.Chart.Name }}, key: token } }
{{- end }}
{{- end }}
{{- end -}}
