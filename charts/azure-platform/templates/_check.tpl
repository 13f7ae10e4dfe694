{{/* Refuses values that contradict one another. The schema checks each value alone. */}}
{{- define "azure.check" -}}
{{- include "azure.checkNetwork" . -}}
{{- include "azure.checkCluster" . -}}
{{- include "azure.checkData" . -}}
{{- include "azure.checkEdge" . -}}
{{- end -}}

{{- define "azure.checkNetwork" -}}
{{- $net := .Values.network -}}
{{- $all := dict "network.podCidr" $net.podCidr "network.serviceCidr" $net.serviceCidr -}}
{{- range $name, $cidr := include "azure.subnets" . | fromYaml -}}
{{- $key := printf "network.subnets.%s" $name -}}
{{- if ne (include "azure.contains" (list $net.addressSpace $cidr)) "true" -}}
{{- fail (printf "%s (%s) is outside of network.addressSpace (%s)" $key $cidr $net.addressSpace) -}}
{{- end -}}
{{- $_ := set $all $key $cidr -}}
{{- end -}}
{{- range $net.peers }}{{ $_ := set $all (printf "network.peers %s" .name) .cidr }}{{ end -}}
{{- range $a, $x := $all -}}
{{- range $b, $y := $all -}}
{{- if and (ne $a $b) (eq (include "azure.contains" (list $x $y)) "true") -}}
{{- fail (printf "%s (%s) overlaps %s (%s)" $b $y $a $x) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range list "podCidr" "serviceCidr" -}}
{{- if eq (include "azure.contains" (list $net.addressSpace (get $net .))) "true" -}}
{{- fail (printf "network.%s (%s) is inside network.addressSpace (%s): pods and Services have addresses of their own" . (get $net .) $net.addressSpace) -}}
{{- end -}}
{{- end -}}
{{- if $net.databaseDelegation -}}
{{- fail "network.databaseDelegation: a delegated subnet cannot hold private endpoints, and a server in one cannot have them; leave it empty" -}}
{{- end -}}
{{- end -}}

{{- define "azure.checkCluster" -}}
{{- $c := .Values.cluster -}}
{{- range $key := list "system" "application" -}}
{{- $pool := get $c $key -}}
{{- if or (gt (int $pool.min) (int $pool.count)) (lt (int $pool.max) (int $pool.count)) -}}
{{- fail (printf "cluster.%s.count (%v) is not between min (%v) and max (%v)" $key $pool.count $pool.min $pool.max) -}}
{{- end -}}
{{- with $pool.version -}}
{{- $behind := sub (index (splitList "." $c.kubernetesVersion) 1 | int) (index (splitList "." .) 1 | int) -}}
{{- if lt $behind 0 -}}
{{- fail (printf "cluster.%s.version (%s) is newer than the control plane (%s)" $key . $c.kubernetesVersion) -}}
{{- else if gt $behind 3 -}}
{{- fail (printf "cluster.%s.version (%s) is more than three versions behind the control plane (%s)" $key . $c.kubernetesVersion) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $nodes := add $c.system.max $c.application.max -}}
{{- /* A surge of a third, five addresses that Azure reserves, and some for private endpoints. */ -}}
{{- $needed := add $nodes (div (add $nodes 2) 3) 5 8 -}}
{{- $bits := include "azure.bits" (include "azure.subnets" . | fromYaml).application | int -}}
{{- if lt (include "azure.size" $bits | int) (int $needed) -}}
{{- fail (printf "network.subnets.application (%s) has %s addresses; %d nodes, their surge and the endpoints need %d" (include "azure.subnets" . | fromYaml).application (include "azure.size" $bits) $nodes $needed) -}}
{{- end -}}
{{- /* Each node has a block of 256 addresses for its pods. */ -}}
{{- $blocks := include "azure.size" (add (include "azure.bits" .Values.network.podCidr | int) 8) | int -}}
{{- if lt $blocks (int $nodes) -}}
{{- fail (printf "network.podCidr (%s) has blocks for %d nodes, fewer than the maximum of %d" .Values.network.podCidr $blocks $nodes) -}}
{{- end -}}
{{- $dns := include "azure.absolute" (list .Values.network.serviceCidr $c.dnsServiceIP) -}}
{{- if ne (include "azure.contains" (list .Values.network.serviceCidr (printf "%s/32" $dns))) "true" -}}
{{- fail (printf "cluster.dnsServiceIP (%s) is outside of network.serviceCidr (%s)" $dns .Values.network.serviceCidr) -}}
{{- end -}}
{{- end -}}

{{- define "azure.checkData" -}}
{{- $v := .Values -}}
{{- $pg := $v.postgresql -}}
{{- if and $pg.enabled (eq $pg.highAvailability "ZoneRedundant") (lt (len $v.zones) 2) -}}
{{- fail (printf "postgresql.highAvailability ZoneRedundant needs two zones, and zones has %d" (len $v.zones)) -}}
{{- end -}}
{{- if and (eq $pg.tier "Burstable") (or (ne $pg.highAvailability "Disabled") $pg.replicas) -}}
{{- fail "postgresql.tier Burstable has neither high availability nor replicas" -}}
{{- end -}}
{{- $recovery := 0 -}}
{{- range $pg.replicas -}}
{{- if eq .purpose "recovery" -}}
{{- $recovery = add $recovery 1 -}}
{{- if ne .size $pg.size -}}
{{- fail (printf "postgresql.replicas %s for recovery has the size %s: it could not replace a server of size %s" .name .size $pg.size) -}}
{{- end -}}
{{- if eq (.location | default $v.region) $v.region -}}
{{- fail (printf "postgresql.replicas %s for recovery is in the server's region %s" .name $v.region) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and $pg.virtualEndpoint (ne (int $recovery) 1) -}}
{{- fail (printf "postgresql.virtualEndpoint needs one replica for recovery, and there are %d" (int $recovery)) -}}
{{- end -}}
{{- if and (ne $v.redis.managed.persistence "none") $v.redis.managed.geoReplicas -}}
{{- fail "redis.managed: an instance cannot have both persistence and geoReplicas" -}}
{{- end -}}
{{- if and (eq $v.redis.product "premium") (ne $v.redis.premium.persistence "none") (not $v.redis.premium.storage) -}}
{{- fail "redis.premium.persistence needs redis.premium.storage" -}}
{{- end -}}
{{- if and $v.registry.enabled (ne $v.registry.sku "Premium") -}}
{{- fail (printf "registry.sku %s has no private endpoint and no replicas; only Premium has" $v.registry.sku) -}}
{{- end -}}
{{- end -}}

{{- define "azure.checkEdge" -}}
{{- $v := .Values -}}
{{- if ne $v.gateway.sku "WAF_v2" -}}
{{- fail (printf "gateway.sku %s has no web application firewall, which the policy needs; only WAF_v2 has" $v.gateway.sku) -}}
{{- end -}}
{{- if and $v.frontDoor.enabled (ne $v.frontDoor.sku "Premium_AzureFrontDoor") -}}
{{- fail (printf "frontDoor.sku %s has no managed firewall rules; only Premium_AzureFrontDoor has" $v.frontDoor.sku) -}}
{{- end -}}
{{- if and $v.frontDoor.enabled (not $v.gateway.behindFrontDoor) -}}
{{- fail "frontDoor.enabled needs gateway.behindFrontDoor: clients could avoid Front Door" -}}
{{- end -}}
{{- if and $v.frontDoor.secondaryOrigins (not $v.frontDoor.enabled) -}}
{{- fail "frontDoor.secondaryOrigins needs frontDoor.enabled" -}}
{{- end -}}
{{- $gateway := (include "azure.subnets" . | fromYaml).gateway -}}
{{- $private := include "azure.absolute" (list $v.network.addressSpace $v.gateway.privateIP) -}}
{{- if ne (include "azure.contains" (list $gateway (printf "%s/32" $private))) "true" -}}
{{- fail (printf "gateway.privateIP (%s) is outside of network.subnets.gateway (%s)" $private $gateway) -}}
{{- end -}}
{{- end -}}
