package charts

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// counts are the numbers of objects by environment and kind, to make additions and removals
// visible.
var counts = map[string]map[string]int{
	"local": {
		"Component": 4, "ConfigMap": 2, "Configuration": 5, "Deployment": 8, "HorizontalPodAutoscaler": 5, "Job": 4, "NetworkPolicy": 10,
		"PodDisruptionBudget": 6, "Resiliency": 6, "Role": 6, "RoleBinding": 10, "Service": 9, "ServiceAccount": 7, "StatefulSet": 1, "Subscription": 2,
		"ValidatingAdmissionPolicy": 1, "ValidatingAdmissionPolicyBinding": 1,
	},
	"dev": {
		"Component": 4, "ConfigMap": 2, "Configuration": 5, "Deployment": 8, "HorizontalPodAutoscaler": 5, "Ingress": 1, "Job": 4, "NetworkPolicy": 10,
		"PodDisruptionBudget": 6, "Resiliency": 6, "Role": 6, "RoleBinding": 10, "Service": 9, "ServiceAccount": 7, "StatefulSet": 1, "Subscription": 2,
		"ValidatingAdmissionPolicy": 1, "ValidatingAdmissionPolicyBinding": 1,
	},
	"prod": {
		"Component": 4, "ConfigMap": 2, "Configuration": 4, "Deployment": 6, "HTTPEndpoint": 6, "Ingress": 1, "Job": 3, "NetworkPolicy": 7, "PodDisruptionBudget": 5,
		"PodMonitor": 3,
		"Resiliency": 6, "Role": 2, "RoleBinding": 5, "ScaledObject": 4, "Service": 6, "ServiceAccount": 6, "Subscription": 2, "TriggerAuthentication": 3,
		"ValidatingAdmissionPolicy": 1, "ValidatingAdmissionPolicyBinding": 1,
	},
}

func TestEnvironmentsHaveTheirObjects(t *testing.T) {
	t.Parallel()
	for _, environment := range environments {
		got := make(map[string]int)
		for _, one := range system(t, environment) {
			got[one.kind()]++
		}
		equal(t, environment, got, counts[environment])
	}
}

func TestChartsAreLinted(t *testing.T) {
	t.Parallel()
	for _, environment := range environments {
		args := append([]string{"lint", "--strict", "--kube-version", kubernetes, "phonebill"}, arguments(environment)...)
		if out, err := helm(t, args...); err != nil {
			t.Errorf("%s: %v\n%s", environment, err, out)
		}
	}
	for _, service := range append([]string{"edge"}, services...) {
		if out, err := helm(t, "lint", "--strict", "--kube-version", kubernetes, service); err != nil {
			t.Errorf("%s: %v\n%s", service, err, out)
		}
	}
}

// TestEachServiceCanBeReleasedAlone compares the result with the service within the system.
func TestEachServiceCanBeReleasedAlone(t *testing.T) {
	t.Parallel()
	for _, service := range services {
		alone := template(t, service, "--set", "global.components=kubernetes", "--set", "global.service.kos.appId=kos-mock-service")
		within := template(t, "phonebill", "--set", "global.components=kubernetes", "--set", "global.service.kos.appId=kos-mock-service")
		for _, one := range alone {
			equal(t, service+": "+one.String(), one, within.find(t, one.kind(), one.name()))
		}
		rest := template(t, "phonebill", "--set", "global.components=kubernetes", "--set", service+".enabled=false")
		if slices.ContainsFunc(rest, func(one object) bool { return one.kind() == "Deployment" && one.name() == service }) {
			t.Errorf("%s cannot be disabled", service)
		}
	}
}

func TestFaultyValuesAreRefused(t *testing.T) {
	t.Parallel()
	for fault, want := range map[string]string{
		"replcas=3":                                            "replcas",
		"image.tag=latest":                                     "image",
		"image.digest=sha256:12":                               "digest",
		"image.pullPolicy=Sometimes":                           "pullPolicy",
		"database.port=0":                                      "port",
		"database.sslmode=prefer":                              "sslmode",
		"database.name=":                                       "database.name is required",
		"autoscaling.mode=vpa":                                 "mode",
		"autoscaling.mode=keda":                                "autoscaling.prometheus.address is required",
		"autoscaling.cpu=170":                                  "cpu",
		"minAvailable=0":                                       "minAvailable",
		"resources=null":                                       "resources.limits are required",
		"resources.limits.memory=1":                            "memory",
		"placement.zones=Never":                                "zones",
		"dapr.nativeSidecars=true":                             "nativeSidecars",
		"dapr.lookupSeconds=20":                                "lookupSeconds",
		"otlpEndpoint=collector:4317":                          "otlpEndpoint",
		"traceSampleRatio=2":                                   "traceSampleRatio",
		"trustedProxies=everybody":                             "trustedProxies",
		"global.service.logLevel=LOUD":                         "logLevel",
		"global.service.nothing=1":                             "nothing",
		"workloadIdentity.clientId=invalid":                    "clientId",
		"network.https[0].ipBlok.cidr=0/0":                     "ipBlok",
		"env.lower=x":                                          "lower",
		"migration.seconds=0":                                  "seconds",
		"common.replicas=0":                                    "replicas",
		"preStopSeconds=0":                                     "preStopSeconds",
		"kos.appId=KOS":                                        "appId",
		"secrets[0]=jwt_signing_key":                           "secrets",
		"image.registry=https://registry":                      "registry",
		"autoscaling.minReplicas=0":                            "minReplicas",
		"image.requireDigest=true":                             "image.digest is required",
		"global.service.dapr.tokens=\"yes\"":                   "tokens",
		"database.pooler=statement":                            "pooler",
		"database.port=6432":                                   "set database.pooler to its mode",
		"database.pooler=transaction":                          "needs database.directPort",
		"database.pooler=transaction,database.directPort=5432": "lead to the pooler",
	} {
		t.Run(fault, func(t *testing.T) {
			_, err := helm(t, "template", "x", "auth-service", "--kube-version", kubernetes, "--set", fault)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v", fault, err)
			}
		})
	}
	for fault, want := range map[string]string{
		"global.components=":                 "global.components is required",
		"global.components=nowhere":          "there is no files/components/nowhere",
		"components=kubernetes":              "components",
		"auth-service.replcas=3":             "replcas",
		"ingress.clasName=nginx":             "clasName",
		"postgresql.image=postgres":          "image",
		"redis.image=redis:latest":           "image",
		"ingress.tlsSecret=certificate":      "ingress.host is required",
		"edge.enabled=false":                 "ingress.enabled needs edge.enabled",
		"edge.image.tag=latest":              "image",
		"edge.image.requireDigest=true":      "edge: image.digest is required",
		"kos-mock-service.enabled=sometimes": "enabled",
	} {
		t.Run(fault, func(t *testing.T) {
			args := []string{"template", "x", "phonebill", "--kube-version", kubernetes, "--set", "global.components=kubernetes", "--set", fault}
			if _, err := helm(t, args...); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v", fault, err)
			}
		})
	}
}

// TestAnotherHelmRendersTheSame runs if PHONEBILL_TEST_HELM_OTHER names another Helm (version 3),
// as the tests on a cluster do.
func TestAnotherHelmRendersTheSame(t *testing.T) {
	other := os.Getenv("PHONEBILL_TEST_HELM_OTHER")
	if other == "" {
		t.Skip("PHONEBILL_TEST_HELM_OTHER is not set")
	}
	for _, environment := range environments {
		want := template(t, "phonebill", arguments(environment)...)
		t.Run(environment, func(t *testing.T) {
			t.Setenv("PHONEBILL_TEST_HELM", other)
			if diff := cmp.Diff(byName(want), byName(fresh(t, "phonebill", arguments(environment)...))); diff != "" {
				t.Errorf("-pinned +other:\n%s", diff)
			}
		})
	}
}

func byName(all objects) map[string]object {
	named := make(map[string]object)
	for _, one := range all {
		named[one.String()] = one
	}
	return named
}
