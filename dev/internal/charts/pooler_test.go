package charts

import (
	"slices"
	"testing"
)

// TestPoolerHasADirectPort renders a pooler in transaction mode, as on an Azure server, for all
// services, and checks the direct port.
func TestPoolerHasADirectPort(t *testing.T) {
	t.Parallel()
	args := append(arguments("prod"), "--set", "global.service.database.pooler=transaction",
		"--set", "global.service.database.port=6432", "--set", "global.service.database.directPort=5432")
	all := fresh(t, "phonebill", args...)
	want := map[string]string{"DB_PORT": "6432", "DB_POOLER": "transaction", "DB_DIRECT_PORT": "5432"}
	for service, pod := range pods(all) {
		if !slices.Contains(stateful, service) {
			continue
		}
		env := environmentOf(pod.part("spec"))
		for name, value := range want {
			if env[name] != value {
				t.Errorf("%s: %s is %q, want %q", service, name, env[name], value)
			}
		}
	}
	database := surroundings["prod"].database
	for _, port := range []int{5432, 6432} {
		if !allowed(all.of("NetworkPolicy"), tcp(auth, database, port)) {
			t.Errorf("port %d is not allowed", port)
		}
	}
}
