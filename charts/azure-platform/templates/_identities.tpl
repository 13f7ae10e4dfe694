{{/*
The identities by name, as YAML: the subject of the tokens that each accepts, with the issuer if it
is not the cluster, and its roles.
*/}}
{{- define "azure.identities" -}}
{{- $v := .Values -}}
{{- $cluster := $v.names.cluster -}}
id-{{ $cluster }}:
  roles:
    - { role: Network Contributor, of: VirtualNetwork, name: {{ $v.names.network }} }
    - { role: Managed Identity Operator, of: UserAssignedIdentity, name: id-{{ $cluster }}-nodes }
id-{{ $cluster }}-nodes:
  roles: [{ role: AcrPull, of: Registry, name: {{ $v.names.registry }}, id: {{ $v.registry.existing | quote }} }]
id-{{ $cluster }}-gateway:
  roles: [{ role: Key Vault Secrets User, of: Vault, name: {{ $v.names.vault }} }]
id-{{ $cluster }}-keda:
  subject: system:serviceaccount:kube-system:keda-operator
  roles: [{ role: Monitoring Data Reader, of: Account, name: {{ $v.names.metrics }} }]
{{- range $name, $service := $v.services.identities }}
id-{{ $cluster }}-{{ $name }}:
  subject: system:serviceaccount:{{ $v.services.namespace }}:{{ $name }}-sa
  roles: {{- if $service.secrets }} [{ role: Key Vault Secrets User, of: Vault, name: {{ $v.names.vault }} }]{{ else }} []{{ end }}
{{- end }}
{{- with $v.services.github.repository }}
id-{{ $cluster }}-github:
  issuer: https://token.actions.githubusercontent.com
  subject: repo:{{ . }}:environment:{{ $v.services.github.environment }}
  roles: [{ role: AcrPush, of: Registry, name: {{ $v.names.registry }} }]
{{- end }}
{{- end -}}

{{/*
A role of an identity on one resource. Takes root, identity (a ConfigMap with its principalId),
role, of (the kind of the resource), name (its name), and id if it belongs to another platform.
*/}}
{{- define "azure.role" -}}
{{ include "azure.object" (dict "root" .root "kind" (.kind | default "RoleAssignment") "name" (printf "%s-%s" .identity (.role | lower | replace " " "-"))) }}
  owner: {{ if .id }}{ armId: {{ .id }} }{{ else }}{{ include "azure.ref" (dict "root" .root "kind" .of "name" .name) }}{{ end }}
  principalIdFromConfig: { name: {{ .identity }}, key: principalId }
  principalType: ServicePrincipal
  roleDefinitionReference: { wellKnownName: {{ .role }} }
{{- end -}}
