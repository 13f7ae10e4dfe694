{{/*
The custom rules of the gateway's firewall, as a YAML list. Behind Front Door, which knows the
clients' addresses, the gateway only refuses requests of other Front Doors.
*/}}
{{- define "azure.gatewayRules" -}}
{{- if not .Values.gateway.behindFrontDoor -}}
- name: RateLimiting
  priority: 10
  ruleType: RateLimitRule
  rateLimitDuration: OneMin
  rateLimitThreshold: {{ .Values.firewall.requestsPerMinute }}
  groupByUserSession: [{ groupByVariables: [{ variableName: ClientAddr }] }]
  matchConditions:
    - matchVariables: [{ variableName: RemoteAddr }]
      operator: IPMatch
      matchValues: ["0.0.0.0/0", "::/0"]
  action: Block
{{- with .Values.firewall.blockedCountries }}
- name: GeoBlocking
  priority: 20
  ruleType: MatchRule
  matchConditions:
    - matchVariables: [{ variableName: RemoteAddr }]
      operator: GeoMatch
      matchValues: {{ . | toJson }}
  action: Block
{{- end }}
{{- else if .Values.gateway.frontDoorId -}}
- name: OtherFrontDoors
  priority: 10
  ruleType: MatchRule
  matchConditions:
    - matchVariables: [{ variableName: RequestHeaders, selector: X-Azure-FDID }]
      operator: Equal
      negationConditon: true
      matchValues: [{{ .Values.gateway.frontDoorId }}]
  action: Block
{{- else -}}
[]
{{- end }}
{{- end -}}

{{/* The custom rules of Front Door's firewall. */}}
{{- define "azure.frontDoorRules" -}}
- name: RateLimiting
  priority: 10
  enabledState: Enabled
  ruleType: RateLimitRule
  rateLimitDurationInMinutes: 1
  rateLimitThreshold: {{ .Values.firewall.requestsPerMinute }}
  matchConditions:
    - { matchVariable: SocketAddr, operator: IPMatch, matchValue: ["0.0.0.0/0", "::/0"] }
  action: Block
{{- with .Values.firewall.blockedCountries }}
- name: GeoBlocking
  priority: 20
  enabledState: Enabled
  ruleType: MatchRule
  matchConditions:
    - { matchVariable: SocketAddr, operator: GeoMatch, matchValue: {{ . | toJson }} }
  action: Block
{{- end }}
{{- end -}}
