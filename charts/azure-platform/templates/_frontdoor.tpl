{{/* A gateway that Front Door connects to, up to its address. Takes root, name and priority. */}}
{{- define "azure.origin" -}}
{{- $name := .root.Values.names.frontDoor -}}
{{ include "azure.object" (dict "root" .root "kind" "AfdOrigin" "name" (printf "%s-%s" $name .name) "azureName" .name) }}
  owner: { name: {{ $name }} }
  enabledState: Enabled
  priority: {{ .priority }}
  weight: 1000
  httpPort: 80
  httpsPort: 443
  originHostHeader: {{ .root.Values.gateway.host }}
  enforceCertificateNameCheck: true
{{- end -}}

{{/* A route from the endpoint to the gateways. Takes root, name and paths. */}}
{{- define "azure.route" -}}
{{- $name := .root.Values.names.frontDoor -}}
{{ include "azure.object" (dict "root" .root "kind" "Route" "name" (printf "%s-%s" $name .name) "azureName" .name) }}
  owner: { name: {{ $name }} }
  enabledState: Enabled
  patternsToMatch: {{ .paths | toJson }}
  supportedProtocols: [Http, Https]
  httpsRedirect: Enabled
  forwardingProtocol: HttpsOnly
  linkToDefaultDomain: Disabled
  customDomains:
    - reference: {{ include "azure.ref" (dict "root" .root "kind" "AfdCustomDomain" "name" $name) }}
  originGroup:
    reference: {{ include "azure.ref" (dict "root" .root "kind" "AfdOriginGroup" "name" $name) }}
{{- end -}}
