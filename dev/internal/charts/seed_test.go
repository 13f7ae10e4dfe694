package charts

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// design are the figures of the production requirements for a service (sections 3.2.1, 3.3 and
// 6.1.1).
type design struct {
	requests, limits map[string]any
	least, most      int // pods
	memory           bool
	metric           string
	perPod           string
	undisturbed      int // minimum available pods
}

var designs = map[string]design{
	"auth-service": {
		requests: amounts("200m", "512Mi"), limits: amounts("1000m", "1Gi"),
		least: 3, most: 10, memory: true, metric: "requests_per_second", perPod: "50", undisturbed: 2,
	},
	"bill-inquiry-service": {
		requests: amounts("500m", "1Gi"), limits: amounts("2000m", "2Gi"),
		least: 3, most: 15, memory: true, metric: "active_connections", perPod: "30", undisturbed: 2,
	},
	"product-change-service": {
		requests: amounts("300m", "768Mi"), limits: amounts("1500m", "1.5Gi"),
		least: 2, most: 8, memory: true, metric: "queue_length", perPod: "5", undisturbed: 1,
	},
	"web-portal": {
		requests: amounts("100m", "128Mi"), limits: amounts("1000m", "256Mi"),
		least: 2, most: 6, memory: true, undisturbed: 1,
	},
	"kos-mock-service": {
		requests: amounts("200m", "512Mi"), limits: amounts("1000m", "1Gi"),
		least: 2, most: 6, undisturbed: 1,
	},
}

func amounts(cpu, memory string) map[string]any { return map[string]any{"cpu": cpu, "memory": memory} }

// production returns the production system, and the mock, which is not part of it.
func production(t *testing.T) objects {
	t.Helper()
	return append(slices.Clone(system(t, "prod")), template(t, "kos-mock-service")...)
}

// equal reports a difference.
func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestServicesHaveRequiredResources(t *testing.T) {
	t.Parallel()
	for name, want := range designs {
		container := production(t).find(t, "Deployment", name).part("spec", "template", "spec", "containers", 0)
		equal(t, name, container.at("resources"), map[string]any{"requests": want.requests, "limits": want.limits})
	}
}

func TestServicesAreScaledAsDesigned(t *testing.T) {
	t.Parallel()
	for name, want := range designs {
		hpa := template(t, name, "--set", "autoscaling.podMetrics=true").find(t, "HorizontalPodAutoscaler", name)
		equal(t, name+" scales", hpa.at("spec", "scaleTargetRef"), map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "name": name})
		equal(t, name+" pods", []any{hpa.at("spec", "minReplicas"), hpa.at("spec", "maxReplicas")}, []any{want.least, want.most})
		metrics := []any{utilization("cpu", 70)}
		if want.memory {
			metrics = append(metrics, utilization("memory", 80))
		}
		if want.metric != "" {
			metrics = append(metrics, want.custom(name))
		}
		equal(t, name+" metrics", hpa.at("spec", "metrics"), any(metrics))
	}
}

// custom returns the service's own metric in its HPA. Kubernetes averages a pod metric over the
// pods, and divides an external one by their number, which is right for a total that each pod
// reports.
func (d design) custom(service string) any {
	target := map[string]any{"type": "AverageValue", "averageValue": d.perPod}
	if d.metric == "queue_length" {
		return map[string]any{"type": "External", "external": map[string]any{
			"metric": map[string]any{"name": d.metric, "selector": map[string]any{"matchLabels": map[string]any{"app": service}}}, "target": target,
		}}
	}
	return map[string]any{"type": "Pods", "pods": map[string]any{"metric": map[string]any{"name": d.metric}, "target": target}}
}

// utilization measures the service's container without its sidecar.
func utilization(resource string, percent int) any {
	return map[string]any{"type": "ContainerResource", "containerResource": map[string]any{
		"container": "app", "name": resource, "target": map[string]any{"type": "Utilization", "averageUtilization": percent},
	}}
}

func TestKEDAUsesTheSameMetrics(t *testing.T) {
	t.Parallel()
	all := system(t, "prod")
	for name, want := range designs {
		if name == "kos-mock-service" {
			continue
		}
		scaled := all.find(t, "ScaledObject", name)
		equal(t, name+" scales", scaled.at("spec", "scaleTargetRef"), map[string]any{"name": name})
		equal(t, name+" pods", []any{scaled.at("spec", "minReplicaCount"), scaled.at("spec", "maxReplicaCount")}, []any{want.least, want.most})
		equal(t, name+" cpu and memory", scaled.list("spec", "triggers")[:2], []any{trigger("cpu", "70"), trigger("memory", "80")})
		if want.metric == "" {
			continue
		}
		custom := object(scaled.list("spec", "triggers")[2].(map[string]any))
		equal(t, name+" metric", []string{custom.text("type"), custom.text("name"), custom.text("metricType"), custom.text("metadata", "threshold")},
			[]string{"prometheus", want.metric, "AverageValue", want.perPod})
		authentication := all.find(t, "TriggerAuthentication", custom.text("authenticationRef", "name"))
		equal(t, name+" asks Prometheus as", authentication.text("spec", "podIdentity", "provider"), "azure-workload")
	}
	if hpas := all.of("HorizontalPodAutoscaler"); len(hpas) > 0 {
		t.Errorf("KEDA refuses what another autoscaler scales: %v", hpas)
	}
}

func trigger(resource, percent string) any {
	return map[string]any{
		"type": resource, "metricType": "Utilization", "metadata": map[string]any{"containerName": "app", "value": percent},
	}
}

// TestUpgradesKeepTheNumberOfPods if there is an autoscaler.
func TestUpgradesKeepTheNumberOfPods(t *testing.T) {
	t.Parallel()
	for _, service := range services {
		for mode, want := range map[string]any{"hpa": nil, "keda": nil, "none": max(designs[service].least, 2)} {
			t.Run(mode, func(t *testing.T) {
				all := template(t, service, "--set", "autoscaling.mode="+mode, "--set", "autoscaling.prometheus.address=http://x", "--set", "replicas="+fmt.Sprint(max(designs[service].least, 2)))
				equal(t, service+" with "+mode, all.find(t, "Deployment", service).at("spec", "replicas"), want)
			})
		}
	}
}

func TestDisruptionBudgets(t *testing.T) {
	t.Parallel()
	for name, want := range designs {
		budget := production(t).find(t, "PodDisruptionBudget", name)
		equal(t, name, budget.at("spec"), any(map[string]any{
			"minAvailable":               want.undisturbed,
			"unhealthyPodEvictionPolicy": "AlwaysAllow",
			"selector":                   map[string]any{"matchLabels": map[string]any{"app": name}},
		}))
	}
	for _, environment := range environments {
		for _, budget := range system(t, environment).of("PodDisruptionBudget") {
			least := system(t, environment).leastPods(t, budget.name())
			if minimum, _ := budget.at("spec", "minAvailable").(int); minimum >= least {
				t.Errorf("%s: %s requires %d of %d pods: nodes cannot be drained", environment, budget, minimum, least)
			}
		}
	}
}

// leastPods returns the minimum number of pods of a service or the edge.
func (all objects) leastPods(t *testing.T, service string) int {
	t.Helper()
	for _, one := range all {
		if one.name() == service && one.kind() == "HorizontalPodAutoscaler" {
			return one.at("spec", "minReplicas").(int)
		}
		if one.name() == service && one.kind() == "ScaledObject" {
			return one.at("spec", "minReplicaCount").(int)
		}
		if replicas, fixed := one.at("spec", "replicas").(int); fixed && one.name() == service {
			return replicas
		}
	}
	t.Fatalf("%s has no autoscaler", service)
	return 0
}

func TestServicesRollWithoutLosingAPod(t *testing.T) {
	t.Parallel()
	for _, name := range services {
		equal(t, name, production(t).find(t, "Deployment", name).at("spec", "strategy"), any(map[string]any{
			"type": "RollingUpdate", "rollingUpdate": map[string]any{"maxSurge": 1, "maxUnavailable": 0},
		}))
	}
}

func TestPodsAreSpreadOverZonesAndHosts(t *testing.T) {
	t.Parallel()
	for _, name := range services {
		pod := production(t).find(t, "Deployment", name).part("spec", "template", "spec")
		selector := map[string]any{"matchLabels": map[string]any{"app": name}}
		equal(t, name+" over zones", pod.at("topologySpreadConstraints"), any([]any{map[string]any{
			"topologyKey": "topology.kubernetes.io/zone", "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule",
			"nodeTaintsPolicy": "Honor", "matchLabelKeys": []any{"pod-template-hash"}, "labelSelector": selector,
		}}))
		term := map[string]any{"topologyKey": "kubernetes.io/hostname", "labelSelector": selector}
		equal(t, name+" over hosts", pod.at("affinity", "podAntiAffinity"), any(map[string]any{
			"preferredDuringSchedulingIgnoredDuringExecution": []any{map[string]any{"weight": 100, "podAffinityTerm": term}},
		}))
		equal(t, name+" tolerates", pod.at("tolerations"), any([]any{map[string]any{
			"key": "application-workload", "operator": "Equal", "value": "true", "effect": "NoSchedule",
		}}))
		required := template(t, name, "--set", "placement.hosts=required").find(t, "Deployment", name)
		equal(t, name+" on hosts of their own", required.at("spec", "template", "spec", "affinity", "podAntiAffinity"), any(map[string]any{
			"requiredDuringSchedulingIgnoredDuringExecution": []any{term},
		}))
	}
}

func TestProbesAskTheActuators(t *testing.T) {
	t.Parallel()
	get := func(path string) any { return map[string]any{"path": path, "port": "http"} }
	for _, name := range services {
		container := production(t).find(t, "Deployment", name).part("spec", "template", "spec", "containers", 0)
		equal(t, name+" alive", container.at("livenessProbe"), any(map[string]any{
			"httpGet": get("/actuator/health"), "initialDelaySeconds": 30, "periodSeconds": 10, "timeoutSeconds": 2,
		}))
		equal(t, name+" ready", container.at("readinessProbe"), any(map[string]any{
			"httpGet": get("/actuator/health/readiness"), "initialDelaySeconds": 5, "periodSeconds": 5, "timeoutSeconds": 2,
		}))
		equal(t, name+" started", container.at("startupProbe", "httpGet"), get("/actuator/health"))
		equal(t, name+" port", container.at("ports"), any([]any{map[string]any{"name": "http", "containerPort": 8080}}))
	}
}

func TestServicesAreFoundByNameAndPort(t *testing.T) {
	t.Parallel()
	for _, name := range services {
		equal(t, name, production(t).find(t, "Service", name).at("spec"), any(map[string]any{
			"type": "ClusterIP", "ports": []any{map[string]any{"name": "http", "port": 8080, "targetPort": "http"}},
			"selector": map[string]any{"app": name},
		}))
	}
}
