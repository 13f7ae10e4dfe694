package resources

import (
	"cmp"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

const (
	// mock is the app that production replaces by the real KOS.
	mock = "kos-mock-service"
	// kos is the prefix of the real KOS's endpoints.
	kos = "kos-"
)

// environments are the folders of components, with the backend of each name.
var environments = map[string]map[string]string{
	"local": {
		"secret-store": "secretstores.local.file", "session-store": "state.redis", "cache-store": "state.redis", "pubsub": "pubsub.redis",
	},
	"kubernetes": {
		"secret-store": "secretstores.kubernetes", "session-store": "state.redis", "cache-store": "state.redis", "pubsub": "pubsub.redis",
	},
	"azure": {
		"secret-store": "secretstores.azure.keyvault", "session-store": "state.redis", "cache-store": "state.redis", "pubsub": "pubsub.redis",
	},
}

// connection are the options for location and authentication, which differ between environments.
var connection = []string{"redisHost", "enableTLS", "secretsFile", "generation", "vaultName", "azureAuthMethods"}

// shape is the part of a resource that must not depend on the environment.
type shape struct {
	Kind, Name string
	// Of a component.
	Options     map[string]string // except connection options
	Secrets     []secretKeyRef
	SecretStore string
	// Of a subscription.
	Pubsub, Topic, DeadLetterTopic, Route string
	// Of a configuration.
	StoreNames     []string
	AllowedSecrets []string
	APIs           []string

	Scopes []string
}

// shapeOf returns the shape of r, adapted to production if production is set.
func shapeOf(r resource, production bool) shape {
	s := shape{
		Kind: r.Kind, Name: r.Metadata.Name, Options: make(map[string]string), SecretStore: r.Auth.SecretStore, Scopes: slices.Clone(r.Scopes),
		Pubsub: r.Spec.PubsubName, Topic: r.Spec.Topic, DeadLetterTopic: r.Spec.DeadLetterTopic, Route: r.Spec.Routes.Default,
	}
	for _, item := range r.Spec.Metadata {
		if item.SecretKeyRef.Name != "" {
			s.Secrets = append(s.Secrets, item.SecretKeyRef)
		} else if !slices.Contains(connection, item.Name) {
			s.Options[item.Name] = item.Value
		}
	}
	for _, scope := range r.Spec.Secrets.Scopes {
		s.StoreNames = append(s.StoreNames, scope.StoreName+" "+scope.DefaultAccess)
		s.AllowedSecrets = append(s.AllowedSecrets, scope.AllowedSecrets...)
	}
	for _, api := range r.Spec.API.Allowed {
		if api.Name != "metadata" { // used by the Dapr CLI only
			s.APIs = append(s.APIs, api.Name+" "+api.Version+" "+api.Protocol)
		}
	}
	if production {
		s.Scopes = slices.DeleteFunc(s.Scopes, func(app string) bool { return app == mock })
	}
	return s
}

// shapes returns the sorted shapes of an environment's resources. A comparison with production
// excludes the mock and the KOS endpoints.
func shapes(t *testing.T, environment string, production bool) []shape {
	t.Helper()
	var all []shape
	for _, r := range slices.Concat(load(t, "components", environment), load(t, "components", environment, "configurations")) {
		if production && strings.HasPrefix(r.Metadata.Name, kos) {
			continue
		}
		all = append(all, shapeOf(r, production))
	}
	slices.SortFunc(all, func(a, b shape) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name)) })
	return all
}

func TestEnvironmentsDifferInBackendsOnly(t *testing.T) {
	t.Parallel()
	for environment := range environments {
		production := environment == "azure"
		if diff := gocmp.Diff(shapes(t, "local", production), shapes(t, environment, production)); diff != "" {
			t.Errorf("%s (-local +%s):\n%s", environment, environment, diff)
		}
	}
}

// TestEvictedDataIsOnASeparateRedis: Redis has one eviction policy for all keys, so caches and durable
// data are on separate servers.
func TestEvictedDataIsOnASeparateRedis(t *testing.T) {
	t.Parallel()
	for environment := range environments {
		components := byName(load(t, "components", environment))
		caches, sessions, events := components["cache-store"].option("redisHost"), components["session-store"].option("redisHost"), components["pubsub"].option("redisHost")
		if caches == "" || caches == sessions || caches == events || sessions != events {
			t.Errorf("%s: caches at %q, sessions at %q, events at %q", environment, caches, sessions, events)
		}
	}
}

func TestEveryNameHasTheBackendOfItsEnvironment(t *testing.T) {
	t.Parallel()
	for environment, want := range environments {
		got := make(map[string]string)
		for _, r := range load(t, "components", environment) {
			if r.Kind == "Component" {
				got[r.Metadata.Name] = r.Spec.Type
			}
		}
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", environment, diff)
		}
	}
}

func TestProductionReachesItsBackendsByTLS(t *testing.T) {
	t.Parallel()
	for _, r := range load(t, "components", "azure") {
		if r.option("redisHost") != "" && r.option("enableTLS") != "true" {
			t.Errorf("%s reaches Redis without TLS", r.Metadata.Name)
		}
	}
	want := secretKeyRef{Name: "kos-client-certificate", Key: "kos-client-certificate"}
	for _, r := range load(t, "components", "azure") {
		if r.Kind != "HTTPEndpoint" {
			continue
		}
		if !strings.HasPrefix(r.Spec.BaseURL, "https://") {
			t.Errorf("%s is reached at %q", r.Metadata.Name, r.Spec.BaseURL)
		}
		for _, half := range []string{"certificate", "privateKey"} {
			if got := r.Spec.ClientTLS[half].SecretKeyRef; got != want {
				t.Errorf("%s: the client's %s is %+v", r.Metadata.Name, half, got)
			}
		}
	}
}
