{{/* The Service that the edge calls. Sidecars do not use it: Dapr creates one per app-id. */}}
{{- define "common.service" -}}
apiVersion: v1
kind: Service
metadata:
  {{- include "common.metadata" (dict "root" . "name" .Chart.Name) | nindent 2 }}
spec:
  type: ClusterIP
  ports:
    - { name: http, port: 8080, targetPort: http }
  selector:
    {{- include "common.selector" . | nindent 4 }}
{{- end -}}

{{- define "common.podDisruptionBudget" -}}
{{- $v := include "common.values" . | fromYaml -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "common.metadata" (dict "root" . "name" .Chart.Name) | nindent 2 }}
spec:
  minAvailable: {{ int $v.minAvailable }}
  # Evicts pods that are not ready even below minAvailable, so that they do not
  # block the drain of a node.
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "common.selector" . | nindent 6 }}
{{- end -}}
