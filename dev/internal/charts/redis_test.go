package charts

import (
	"strings"
	"testing"
)

// TestRedisEvictsCachesOnly: the eviction policies equal those of `make run`.
func TestRedisEvictsCachesOnly(t *testing.T) {
	t.Parallel()
	want := map[string][]string{
		"redis":       {"maxmemory 96mb\n", "maxmemory-policy noeviction\n", "</secrets/redis-auth-key"},
		"redis-cache": {"maxmemory 64mb\n", "maxmemory-policy allkeys-lfu\n", "</secrets/redis-cache-auth-key"},
	}
	for _, environment := range []string{"local", "dev"} {
		found := 0
		for _, deployment := range system(t, environment).of("Deployment") {
			settings, ok := want[deployment.name()]
			if !ok {
				continue
			}
			found++
			script, _ := deployment.at("spec", "template", "spec", "containers", 0, "args", 0).(string)
			for _, setting := range settings {
				if !strings.Contains(script, setting) {
					t.Errorf("%s: %s has no %q:\n%s", environment, deployment.name(), setting, script)
				}
			}
		}
		if found != len(want) {
			t.Errorf("%s: %d servers", environment, found)
		}
	}
}
