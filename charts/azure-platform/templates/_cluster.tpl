{{/*
A node pool. It has no count: the autoscaler sets it, and each reconciliation would reset it. Takes
root, pool and mode.
*/}}
{{- define "azure.pool" -}}
mode: {{ .mode }}
vmSize: {{ .pool.size }}
orchestratorVersion: {{ .pool.version | default .root.Values.cluster.kubernetesVersion | quote }}
osType: Linux
osSKU: AzureLinux3
type: VirtualMachineScaleSets
enableAutoScaling: true
minCount: {{ .pool.min }}
maxCount: {{ .pool.max }}
maxPods: {{ .root.Values.cluster.maxPods }}
{{- with .root.Values.zones }}
availabilityZones: {{ . | toJson }}
{{- end }}
{{- with .pool.taints }}
nodeTaints: {{ . | toJson }}
{{- end }}
enableNodePublicIP: false
vnetSubnetReference: {{ include "azure.ref" (dict "root" .root "kind" "VirtualNetworksSubnet" "name" (printf "%s-application" .root.Values.names.network)) }}
upgradeSettings: { maxSurge: {{ .root.Values.cluster.maxSurge }} }
{{- end -}}

{{/* The start of the maintenance window in UTC: day, its number from Sunday, hour. Takes the window. */}}
{{- define "azure.utc" -}}
{{- $days := list "Sunday" "Monday" "Tuesday" "Wednesday" "Thursday" "Friday" "Saturday" -}}
{{- $number := 0 -}}
{{- range $i, $day := $days }}{{ if eq $day $.day }}{{ $number = $i }}{{ end }}{{ end -}}
{{- $hours := mod (sub (add (mul $number 24) .startHour 168) .utcOffset) 168 -}}
day: {{ index $days (div $hours 24 | int) }}
number: {{ div $hours 24 }}
hour: {{ mod $hours 24 }}
{{- end -}}
