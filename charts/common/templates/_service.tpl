{{/* What the edge finds the service by. Sidecars find one another otherwise. */}}
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
  # A pod that is not ready serves nobody: it must not hold up a node.
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "common.selector" . | nindent 6 }}
{{- end -}}
