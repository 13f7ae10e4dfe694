package charts

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/phonebill/phonebill/dev/monitoring"
)

// addMonitoring adds the kinds of the Prometheus Operator and their counterparts of Azure, whose
// PodMonitor is a copy.
func (s *schemas) addMonitoring(t *testing.T) {
	t.Helper()
	folder := filepath.Join(sources(t, "schemas", "github.com/prometheus-operator/prometheus-operator"), "example", "prometheus-operator-crd")
	s.addDefinition(t, filepath.Join(folder, "monitoring.coreos.com_podmonitors.yaml"))
	s.addDefinition(t, filepath.Join(folder, "monitoring.coreos.com_prometheusrules.yaml"))
	s.ids["azmonitoring.coreos.com/v1 PodMonitor"] = s.ids["monitoring.coreos.com/v1 PodMonitor"]
}

// watched renders the system with the objects of the Prometheus Operator.
func watched(t *testing.T) objects {
	t.Helper()
	return template(t, "phonebill", append(arguments("dev"), "--set", "monitoring.scrape=operator,monitoring.rules=true,monitoring.dashboards=true",
		"--set", "monitoring.labels.release=prometheus")...)
}

func TestMonitoringObjectsMatchTheirSchemas(t *testing.T) {
	t.Parallel()
	all := watched(t)
	for _, one := range all {
		if err := load(t).validate(one); err != nil {
			t.Errorf("%s: %v", one, err)
		}
	}
	equal(t, "the label of the operator", all.find(t, "PodMonitor", "phonebill-apps").text("metadata", "labels", "release"), "prometheus")
	equal(t, "that of rules", all.find(t, "PrometheusRule", "phonebill-alerts").text("metadata", "labels", "release"), "prometheus")
}

// rendered returns what Prometheus's and Azure's form of a rule share.
func rendered(name, expression string) string {
	return name + ": " + strings.Join(strings.Fields(expression), " ")
}

// TestRulesAreThoseOfTheSource compares the objects of both kinds with the rules that promtool
// tests.
func TestRulesAreThoseOfTheSource(t *testing.T) {
	t.Parallel()
	rules, err := monitoring.Rules(repository(t))
	if err != nil {
		t.Fatal(err)
	}
	source := map[string]bool{}
	for _, rule := range rules {
		source[rendered(rule.Name(), rule.Expr)] = true
	}
	operator, azure := map[string]bool{}, map[string]bool{}
	for _, one := range watched(t).of("PrometheusRule") {
		for _, group := range one.list("spec", "groups") {
			for _, rule := range object(group.(map[string]any)).list("rules") {
				of := object(rule.(map[string]any))
				operator[rendered(of.text("record")+of.text("alert"), of.text("expr"))] = true
			}
		}
	}
	for _, group := range platform(t, "prod").of("PrometheusRuleGroup") {
		if rules := len(group.list("spec", "rules")); rules > 20 {
			t.Errorf("%s has %d rules, more than Azure's maximum of 20", group, rules)
		}
		equal(t, "the interval of "+group.name(), group.text("spec", "interval"), "PT1M")
		for _, rule := range group.list("spec", "rules") {
			of := object(rule.(map[string]any))
			azure[rendered(of.text("record")+of.text("alert"), of.text("expression"))] = true
		}
	}
	equal(t, "the rules of the operator", operator, source)
	equal(t, "the rules of Azure", azure, source)
}

// TestPodMonitorsFindTheirPods compares labels and ports of pods. The sidecar is the injector's.
func TestPodMonitorsFindTheirPods(t *testing.T) {
	t.Parallel()
	all := watched(t)
	for _, service := range services {
		pod := all.find(t, "Deployment", service).part("spec", "template")
		for _, monitor := range []string{"phonebill-apps", "phonebill-sidecars"} {
			for name, value := range all.find(t, "PodMonitor", monitor).part("spec", "selector", "matchLabels") {
				equal(t, monitor+" and the label "+name+" of "+service, pod.text("metadata", "labels", name), value)
			}
		}
		apps := all.find(t, "PodMonitor", "phonebill-apps").part("spec", "podMetricsEndpoints", 0)
		equal(t, "the port of "+service, pod.at("spec", "containers", 0, "ports", 0, "name"), apps.at("port"))
		equal(t, "the path of "+service, pod.at("metadata", "annotations", "prometheus.io/path"), apps.at("path"))
	}
}

func TestDashboardsAreConfigMaps(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(repository(t).Path("charts", "phonebill", "files", "dashboards", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no dashboards: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(file)
		shown := watched(t).find(t, "ConfigMap", "dashboard-"+strings.TrimSuffix(name, ".json"))
		equal(t, name, shown.at("data", name), any(string(text)))
		equal(t, "the label of "+name, shown.text("metadata", "labels", "grafana_dashboard"), "1")
	}
}
