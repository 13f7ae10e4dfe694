{{/*
The rules of the security groups by subnet, as YAML. Each group ends with a rule that denies
everything else, within the virtual network too, which Azure's own rules would allow.
Pods have addresses outside of the virtual network: the Application Gateway connects to these, and
connections to others come from the address of the node.
*/}}
{{- define "azure.rules" -}}
{{- $net := .Values.network -}}
{{- $subnets := include "azure.subnets" . | fromYaml -}}
{{- $nodes := list $subnets.application $net.podCidr -}}
{{- $clients := list (ternary "AzureFrontDoor.Backend" "Internet" .Values.gateway.behindFrontDoor) -}}
{{- $gateway := list $subnets.gateway -}}
{{- $any := list "*" -}}
{{- $deny := list
  (dict "name" "deny" "direction" "Inbound" "priority" 4096 "access" "Deny" "protocol" "*" "from" $any "to" $any "ports" $any "why" "Everything else")
  (dict "name" "deny" "direction" "Outbound" "priority" 4096 "access" "Deny" "protocol" "*" "from" $any "to" $any "ports" $any "why" "Everything else") -}}
gateway: {{- concat (list
  (dict "name" "https" "direction" "Inbound" "priority" 100 "protocol" "Tcp" "from" $clients "to" $gateway "ports" (list "443") "why" "Clients")
  (dict "name" "http" "direction" "Inbound" "priority" 110 "protocol" "Tcp" "from" $clients "to" $gateway "ports" (list "80") "why" "Clients that are redirected to HTTPS")
  (dict "name" "management" "direction" "Inbound" "priority" 120 "protocol" "Tcp" "from" (list "GatewayManager") "to" $any "ports" (list "65200-65535") "why" "Azure manages the gateway")
  (dict "name" "probes" "direction" "Inbound" "priority" 130 "protocol" "*" "from" (list "AzureLoadBalancer") "to" $any "ports" $any "why" "Azure probes the gateway")
  (dict "name" "pods" "direction" "Outbound" "priority" 100 "protocol" "Tcp" "from" $gateway "to" (list $net.podCidr) "ports" (list "8080") "why" "Requests to the edge")
  (dict "name" "endpoints" "direction" "Outbound" "priority" 110 "protocol" "Tcp" "from" $gateway "to" (list $subnets.application) "ports" (list "443") "why" "The certificate in the vault")
  (dict "name" "azure" "direction" "Outbound" "priority" 120 "protocol" "*" "from" $gateway "to" (list "Internet") "ports" $any "why" "Azure requires it of a gateway")
) $deny | toYaml | nindent 2 }}
application: {{- concat (list
  (dict "name" "gateway" "direction" "Inbound" "priority" 100 "protocol" "Tcp" "from" $gateway "to" (list $net.podCidr) "ports" (list "8080") "why" "Requests to the edge")
  (dict "name" "certificate" "direction" "Inbound" "priority" 110 "protocol" "Tcp" "from" $gateway "to" (list $subnets.application) "ports" (list "443") "why" "The gateway reads its certificate from the vault")
  (dict "name" "cluster" "direction" "Inbound" "priority" 120 "protocol" "*" "from" $nodes "to" $nodes "ports" $any "why" "Nodes and pods, which NetworkPolicies restrict further")
  (dict "name" "cluster" "direction" "Outbound" "priority" 100 "protocol" "*" "from" $nodes "to" $nodes "ports" $any "why" "Nodes and pods, and the endpoints of the vault, the registry and the API server")
  (dict "name" "database" "direction" "Outbound" "priority" 110 "protocol" "Tcp" "from" $nodes "to" (list $subnets.database) "ports" (list "5432") "why" "PostgreSQL")
  (dict "name" "cache" "direction" "Outbound" "priority" 120 "protocol" "Tcp" "from" $nodes "to" (list $subnets.cache) "ports" (list (include "azure.redisPort" .)) "why" "Redis")
  (dict "name" "https" "direction" "Outbound" "priority" 130 "protocol" "Tcp" "from" $nodes "to" (list "Internet") "ports" (list "443") "why" "KOS, Entra ID, Azure Monitor, images of AKS")
  (dict "name" "dns" "direction" "Outbound" "priority" 140 "protocol" "*" "from" $nodes "to" (list "AzurePlatformDNS") "ports" (list "53") "why" "Names")
  (dict "name" "time" "direction" "Outbound" "priority" 150 "protocol" "Udp" "from" $nodes "to" (list "Internet") "ports" (list "123") "why" "Clocks of the nodes")
) $deny | toYaml | nindent 2 }}
database: {{- concat (list
  (dict "name" "application" "direction" "Inbound" "priority" 100 "protocol" "Tcp" "from" (list $subnets.application) "to" (list $subnets.database) "ports" (list "5432") "why" "Services")
) $deny | toYaml | nindent 2 }}
cache: {{- concat (list
  (dict "name" "application" "direction" "Inbound" "priority" 100 "protocol" "Tcp" "from" (list $subnets.application) "to" (list $subnets.cache) "ports" (list (include "azure.redisPort" .)) "why" "Services")
) $deny | toYaml | nindent 2 }}
{{- end -}}

{{/* The source or destination of a rule. Service tags are allowed alone only. Takes end and prefixes. */}}
{{- define "azure.ruleEnd" -}}
{{- if eq (len .prefixes) 1 }}
  {{ .end }}AddressPrefix: {{ first .prefixes | quote }}
{{- else }}
  {{ .end }}AddressPrefixes: {{ .prefixes | toJson }}
{{- end }}
{{- end -}}

{{- define "azure.redisPort" -}}
{{ eq .Values.redis.product "managed" | ternary "10000" "6380" }}
{{- end -}}

{{/* A fixed public address. Takes root and name. */}}
{{- define "azure.publicIP" -}}
{{ include "azure.resource" (dict "root" .root "kind" "PublicIPAddress" "name" .name) }}
  sku: { name: Standard, tier: Regional }
  publicIPAllocationMethod: Static
  publicIPAddressVersion: IPv4
  {{- with .root.Values.zones }}
  zones: {{ . | toJson }}
  {{- end }}
{{- end -}}

{{/*
The private endpoints, as a YAML list: the resource, its group of addresses, the subnet and the
private DNS zone. A resource of another platform has an id.
*/}}
{{- define "azure.endpoints" -}}
{{- $names := .Values.names -}}
{{- if .Values.postgresql.enabled }}
- { name: {{ $names.server }}, kind: FlexibleServer, group: postgresqlServer, subnet: database, zone: privatelink.postgres.database.azure.com }
{{- end }}
{{- with .Values.postgresql.existing }}
- { name: {{ splitList "/" . | last }}, id: {{ . }}, group: postgresqlServer, subnet: database, zone: privatelink.postgres.database.azure.com }
{{- end }}
{{- range .Values.postgresql.replicas }}
- { name: {{ .name }}, kind: FlexibleServer, group: postgresqlServer, subnet: database, zone: privatelink.postgres.database.azure.com }
{{- end }}
{{- range list $names.sessions $names.cache }}
{{- if eq $.Values.redis.product "managed" }}
- { name: {{ . }}, kind: RedisEnterprise, group: redisEnterprise, subnet: cache, zone: privatelink.redis.azure.net }
{{- else }}
- { name: {{ . }}, kind: Redis, group: redisCache, subnet: cache, zone: privatelink.redis.cache.windows.net }
{{- end }}
{{- end }}
- { name: {{ $names.vault }}, kind: Vault, group: vault, subnet: application, zone: privatelink.vaultcore.azure.net }
{{- if .Values.registry.enabled }}
- { name: {{ $names.registry }}, kind: Registry, group: registry, subnet: application, zone: privatelink.azurecr.io }
{{- end }}
{{- with .Values.registry.existing }}
- { name: {{ splitList "/" . | last }}, id: {{ . }}, group: registry, subnet: application, zone: privatelink.azurecr.io }
{{- end }}
{{- end -}}
