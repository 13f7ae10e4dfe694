package resources

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/phonebill/phonebill/dev/internal/runfile"
	"github.com/phonebill/phonebill/dev/internal/secrets"
	"github.com/phonebill/phonebill/dev/system"
)

// firstEphemeral is the first port of Linux's default range for outgoing connections.
const firstEphemeral = 32768

func TestPortsAreDistinct(t *testing.T) {
	t.Parallel()
	used := map[int]string{
		system.IngressPort: "the ingress", system.PostgresPort: "PostgreSQL", system.RedisPort: "Redis", system.CachePort: "the Redis of the caches",
		system.RabbitMQPort: "RabbitMQ",
	}
	for _, app := range apps(t) {
		for _, port := range app.Ports() {
			if used[port.Number] != "" || port.Number <= 0 || port.Number >= firstEphemeral {
				t.Errorf("port %d of %s: used by %q, or in the ephemeral range", port.Number, port.Use, used[port.Number])
			}
			used[port.Number] = port.Use
		}
	}
}

func TestAppFoldersMatchNames(t *testing.T) {
	t.Parallel()
	root := repository(t)
	for _, app := range apps(t) {
		for what, pair := range map[string][2]string{
			"folder":        {app.Dir, root.Path("apps", app.ID)},
			"program":       {strings.Join(app.Command, " "), "../../.local/bin/" + app.ID},
			"configuration": {filepath.Join(app.Dir, app.ConfigFile), root.Path("components", "local", "configurations", app.ID+".yaml")},
			"HTTP_ADDR":     {app.Env["HTTP_ADDR"], "127.0.0.1:" + strconv.Itoa(app.Port)},
			"DB_PORT":       {app.Env["DB_PORT"], strconv.Itoa(system.PostgresPort)},
		} {
			t.Run(what, func(t *testing.T) {
				if pair[0] != pair[1] {
					t.Errorf("%s: %s is %q, want %q", app.ID, what, pair[0], pair[1])
				}
			})
		}
	}
}

func TestComponentsAreScopedAndReachTheLocalServers(t *testing.T) {
	t.Parallel()
	components := byName(load(t, "components", "local"))
	for _, name := range []string{"secret-store", "session-store", "cache-store", "pubsub"} {
		if components[name].Kind != "Component" {
			t.Errorf("there is no component %s", name)
		}
	}
	redis := map[string]string{"session-store": system.RedisAddress, "pubsub": system.RedisAddress, "cache-store": system.CacheAddress}
	for name, component := range components {
		if len(component.Scopes) == 0 {
			t.Errorf("%s has no scopes", name)
		}
		for _, scope := range component.Scopes {
			if !slices.ContainsFunc(apps(t), func(app runfile.App) bool { return app.ID == scope }) {
				t.Errorf("%s is scoped to %s, which dapr.yaml does not have", name, scope)
			}
		}
		if strings.HasSuffix(component.Spec.Type, ".redis") && component.option("redisHost") != redis[name] {
			t.Errorf("%s reaches Redis at %s, which is at %s", name, component.option("redisHost"), redis[name])
		}
	}
	for _, app := range apps(t) {
		file := filepath.Join(app.Dir, components["secret-store"].option("secretsFile"))
		if file != repository(t).Secrets() {
			t.Errorf("the sidecar of %s reads its secrets from %s", app.ID, file)
		}
	}
}

func TestServicesMayReadTheSecretsTheyName(t *testing.T) {
	t.Parallel()
	configurations := byName(load(t, "components", "local", "configurations"))
	set, err := secrets.Ensure(filepath.Join(t.TempDir(), "secrets.json"))
	if err != nil {
		t.Fatal(err)
	}
	readers := make(map[string]string)
	for _, app := range apps(t) {
		scopes := configurations[app.ID].Spec.Secrets.Scopes
		if len(scopes) != 1 || scopes[0].StoreName != "secret-store" || scopes[0].DefaultAccess != "deny" {
			t.Errorf("%s is not denied by default: %+v", app.ID, scopes)
			continue
		}
		for _, name := range scopes[0].AllowedSecrets {
			if set[name] == "" {
				t.Errorf("%s may read %s, which is not generated", app.ID, name)
			}
			if readers[name] != "" {
				t.Errorf("both %s and %s may read %s", readers[name], app.ID, name)
			}
			readers[name] = app.ID
		}
		for variable, name := range app.Env {
			if strings.HasSuffix(variable, "_SECRET") && readers[name] != app.ID {
				t.Errorf("%s needs %s and may not read it", app.ID, name)
			}
		}
	}
}

func TestEveryTargetHasItsPolicies(t *testing.T) {
	t.Parallel()
	targets := make(map[string]bool)
	for _, target := range loadPolicies(t).targets {
		targets[target.name] = true
	}
	for _, app := range apps(t) {
		if !targets[app.ID] {
			t.Errorf("no policy for calls to %s: Dapr's default would apply", app.ID)
		}
	}
	for environment := range environments {
		for _, r := range load(t, "components", environment) {
			if r.Kind != "Subscription" && !targets[r.Metadata.Name] {
				t.Errorf("no policy for %s of %s", r.Metadata.Name, environment)
			}
		}
	}
}

// TestPoliciesHaveTheirOwnNames: all files share one namespace, in which the last definition would
// win.
func TestPoliciesHaveTheirOwnNames(t *testing.T) {
	t.Parallel()
	defined := make(map[string]string)
	define := func(kind, name, file string) {
		if earlier := defined[kind+"/"+name]; earlier != "" {
			t.Errorf("%s defines the %s %s, as %s does", file, kind, name, earlier)
		}
		defined[kind+"/"+name] = file
	}
	for _, r := range load(t, "resiliency") {
		policies := r.Spec.Resiliency.Policies
		for name := range policies.Timeouts {
			define("timeout", name, r.file)
		}
		for name := range policies.Retries {
			define("retry", name, r.file)
		}
		for name := range policies.CircuitBreakers {
			define("circuit breaker", name, r.file)
		}
	}
}
