package charts

import (
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// published are the environments with an ingress.
var published = []string{"dev", "prod"}

// edgePod returns the pod of the edge.
func edgePod(t *testing.T, environment string) object {
	t.Helper()
	return system(t, environment).find(t, "Deployment", "edge").part("spec", "template", "spec")
}

// nginx returns the configuration of the edge.
func nginx(t *testing.T, environment string) string {
	t.Helper()
	return system(t, environment).find(t, "ConfigMap", "edge").text("data", "nginx.conf")
}

// directive returns the value of a directive that occurs once.
func directive(t *testing.T, configuration, name string) string {
	t.Helper()
	found := regexp.MustCompile(`(?m)^ *`+name+` (\S+);`).FindAllStringSubmatch(configuration, -1)
	if len(found) != 1 {
		t.Fatalf("the configuration contains %s %d times", name, len(found))
	}
	return found[0][1]
}

func TestIngressRoutesToTheEdgeOnly(t *testing.T) {
	t.Parallel()
	for _, name := range published {
		ingress := system(t, name).find(t, "Ingress", "phonebill")
		equal(t, name, at(ingress.list("spec", "rules"), 0, "http", "paths"), any([]any{map[string]any{
			"path": "/", "pathType": "Prefix",
			"backend": map[string]any{"service": map[string]any{"name": "edge", "port": map[string]any{"name": "http"}}},
		}}))
		equal(t, name+": the edge is", system(t, name).find(t, "Service", "edge").at("spec"), any(map[string]any{
			"type": "ClusterIP", "ports": []any{map[string]any{"name": "http", "port": 8080, "targetPort": "http"}},
			"selector": map[string]any{"app": "edge"},
		}))
	}
}

// TestEdgeRoutesToExistingServices checks the names of their Services.
func TestEdgeRoutesToExistingServices(t *testing.T) {
	t.Parallel()
	server := regexp.MustCompile(`upstream (\S+) \{\s+server (\S+);`)
	target := regexp.MustCompile(`proxy_pass http://([a-z-]+)/`)
	for _, name := range environments {
		want := slices.DeleteFunc(slices.Clone(services), func(service string) bool { return name == "prod" && service == "kos-mock-service" })
		slices.Sort(want)
		var upstreams, routed []string
		for _, found := range server.FindAllStringSubmatch(nginx(t, name), -1) {
			upstreams = append(upstreams, found[1])
			equal(t, name+": "+found[1]+" is at", found[2], found[1]+":8080")
			system(t, name).find(t, "Service", found[1])
		}
		for _, found := range target.FindAllStringSubmatch(nginx(t, name), -1) {
			routed = append(routed, found[1])
		}
		slices.Sort(routed)
		equal(t, name+": upstreams", upstreams, want)
		equal(t, name+": routes lead to", slices.Compact(routed), want)
	}
}

// timeoutAnnotations are the controllers' annotations for the timeout in seconds.
var timeoutAnnotations = map[string]string{
	"dev": "nginx.ingress.kubernetes.io/proxy-read-timeout", "prod": "appgw.ingress.kubernetes.io/request-timeout",
}

// TestEdgeAnswersBeforeTheController checks that the edge's timeouts and limits apply first.
func TestEdgeAnswersBeforeTheController(t *testing.T) {
	t.Parallel()
	for _, name := range published {
		annotations := system(t, name).find(t, "Ingress", "phonebill").part("metadata", "annotations")
		patience, err := strconv.Atoi(annotations.text(timeoutAnnotations[name]))
		if err != nil {
			t.Fatal(err)
		}
		var edges time.Duration
		for _, timeout := range []string{"proxy_connect_timeout", "proxy_read_timeout"} {
			part, err := time.ParseDuration(directive(t, nginx(t, name), timeout))
			if err != nil {
				t.Fatal(err)
			}
			edges += part
		}
		if controllers := time.Duration(patience) * time.Second; controllers <= edges {
			t.Errorf("%s: the controller waits %s, the edge %s", name, controllers, edges)
		}
	}
	annotations := system(t, "dev").find(t, "Ingress", "phonebill").part("metadata", "annotations")
	equal(t, "the controller neither limits nor buffers bodies", []string{
		annotations.text("nginx.ingress.kubernetes.io/proxy-body-size"), annotations.text("nginx.ingress.kubernetes.io/proxy-request-buffering"),
	}, []string{"0", "off"})
}

// TestEdgeAnswersTheGatewayProbe checks the answer on the clients' port.
func TestEdgeAnswersTheGatewayProbe(t *testing.T) {
	t.Parallel()
	annotations := system(t, "prod").find(t, "Ingress", "phonebill").part("metadata", "annotations")
	for name, want := range map[string]string{"path": "/api/", "port": "8080", "status-codes": "404"} {
		equal(t, name, annotations.text("appgw.ingress.kubernetes.io/health-probe-"+name), want)
	}
	if !strings.Contains(nginx(t, "prod"), "location /api/                    { return 404; }") {
		t.Error("the edge does not answer 404 to /api/")
	}
}

// TestServicesTrustEdgeAndController checks the trusted proxies.
func TestServicesTrustEdgeAndController(t *testing.T) {
	t.Parallel()
	hops := map[string][]string{
		"local": {"10.244.0.7"}, "dev": {"10.244.0.7", "10.244.1.8"}, "prod": {"10.244.0.7", "10.0.4.10"},
	}
	for _, name := range environments {
		for _, service := range slices.Sorted(maps.Keys(pods(system(t, name)))) {
			trusted := environmentOf(pods(system(t, name))[service].part("spec"))["HTTP_TRUSTED_PROXIES"]
			for _, hop := range hops[name] {
				if !slices.ContainsFunc(strings.Split(trusted, ","), func(network string) bool {
					return netip.MustParsePrefix(network).Contains(netip.MustParseAddr(hop))
				}) {
					t.Errorf("%s: %s does not trust %s, but %s", name, service, hop, trusted)
				}
			}
		}
		equal(t, name+": the edge appends", strings.Contains(nginx(t, name), "X-Forwarded-For $proxy_add_x_forwarded_for;"), true)
	}
}

func TestEdgePods(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]int{"local": 2, "dev": 2, "prod": 3} {
		t.Run(name, func(t *testing.T) {
			deployment := system(t, name).find(t, "Deployment", "edge")
			equal(t, name+": pods", deployment.at("spec", "replicas"), any(want))
			pod, selector := edgePod(t, name), map[string]any{"matchLabels": map[string]any{"app": "edge"}}
			spread := map[string]string{"local": "DoNotSchedule", "dev": "ScheduleAnyway", "prod": "DoNotSchedule"}[name]
			equal(t, name+": over zones", pod.at("topologySpreadConstraints"), any([]any{map[string]any{
				"topologyKey": "topology.kubernetes.io/zone", "maxSkew": 1, "whenUnsatisfiable": spread,
				"nodeTaintsPolicy": "Honor", "matchLabelKeys": []any{"pod-template-hash"}, "labelSelector": selector,
			}}))
			equal(t, name+": evictions leave", system(t, name).find(t, "PodDisruptionBudget", "edge").at("spec", "minAvailable"), any(want-1))
			for annotation := range annotations(deployment) {
				if strings.HasPrefix(annotation, "dapr.io/") {
					t.Errorf("%s: the edge has %s", name, annotation)
				}
			}
		})
	}
}

// TestEdgeDrains: the edge waits at least as long as a service that only the edge calls, drains, and is killed only after its
// longest timeout.
func TestEdgeDrains(t *testing.T) {
	t.Parallel()
	command := regexp.MustCompile(`^sleep (\d+); kill -QUIT 1; sleep (\d+)$`)
	for _, name := range environments {
		pod := edgePod(t, name)
		script, _ := pod.at("containers", 0, "lifecycle", "preStop", "exec", "command", 2).(string)
		found := command.FindStringSubmatch(script)
		if found == nil {
			t.Fatalf("%s: preStop is %q", name, script)
		}
		wait, _ := strconv.Atoi(found[1])
		drain, _ := strconv.Atoi(found[2])
		services, _ := pods(system(t, name))["web-portal"].at("spec", "containers", 0, "lifecycle", "preStop", "sleep", "seconds").(int)
		grace, _ := pod.at("terminationGracePeriodSeconds").(int)
		if wait < services || drain < 17 || grace < wait+drain {
			t.Errorf("%s: waits %d s (services %d s), drains %d s, has %d s", name, wait, services, drain, grace)
		}
	}
}

// TestEdgeWritesToItsVolumeOnly also checks the probe, which bypasses the routes.
func TestEdgeWritesToItsVolumeOnly(t *testing.T) {
	t.Parallel()
	for _, name := range environments {
		container := edgePod(t, name).part("containers", 0)
		equal(t, name, container.at("command"), any([]any{"/usr/sbin/nginx", "-e", "stderr", "-p", "/data/", "-c", "/etc/edge/nginx.conf"}))
		equal(t, name, container.at("volumeMounts", 1), any(map[string]any{"name": "data", "mountPath": "/data"}))
		for _, absolute := range regexp.MustCompile(`(?m)^ *(?:pid|\w+_temp_path) /.*`).FindAllString(nginx(t, name), -1) {
			t.Errorf("%s: writes elsewhere: %s", name, absolute)
		}
		for _, probe := range []string{"readinessProbe", "livenessProbe"} {
			equal(t, name+": "+probe, container.at(probe, "httpGet"), any(map[string]any{"path": "/ready", "port": "probe"}))
		}
	}
}

// TestConfigurationChangeReplacesTheEdge, because nginx reads it at start only.
func TestConfigurationChangeReplacesTheEdge(t *testing.T) {
	t.Parallel()
	sum := func(args ...string) string {
		return fmt.Sprint(annotations(template(t, "edge", args...).find(t, "Deployment", "edge"))["checksum/configuration"])
	}
	if same, other := sum("--set", "replicas=4"), sum("--set", "network.calls={auth-service}"); sum() != same || sum() == other {
		t.Errorf("checksums: %s, with more pods %s, with fewer routes %s", sum(), same, other)
	}
}
