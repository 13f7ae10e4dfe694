package resources

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/dev/internal/components"
)

func TestSidecarsServeTheirApps(t *testing.T) {
	t.Parallel()
	for environment := range environments {
		configurations := byName(load(t, "components", environment, "configurations"))
		for _, app := range apps(t) {
			if configurations[app.ID].Kind == "" {
				continue // production has no mock
			}
			t.Run(environment+"/"+app.ID, func(t *testing.T) {
				t.Parallel()
				s := start(t, environment, app)
				scoped := slices.DeleteFunc(load(t, "components", environment), func(r resource) bool {
					return !slices.Contains(r.Scopes, app.ID)
				})
				spec := configurations[app.ID].Spec
				s.checkComponents(t, scoped, slices.ContainsFunc(spec.API.Allowed, func(a api) bool { return a.Name == "metadata" }))
				s.checkSecrets(t, spec.Secrets.Scopes[0].AllowedSecrets)
				s.checkAPIs(t, byName(scoped))
				s.checkTopics(t, app.ID)
				s.checkKOS(t, environment, app.ID)
			})
		}
	}
}

// checkComponents expects exactly the components scoped to the app, with the needed capabilities, if
// the sidecar serves metadata.
func (s sidecar) checkComponents(t *testing.T, scoped []resource, tells bool) {
	t.Helper()
	status, body := s.get(t, "/v1.0/metadata")
	if !tells {
		if status != http.StatusNotFound {
			t.Errorf("/v1.0/metadata answers %d", status)
		}
		return
	}
	var metadata struct {
		Components []struct {
			Name         string
			Capabilities []string
		}
	}
	if json.Unmarshal([]byte(body), &metadata) != nil {
		t.Fatalf("no metadata: %s", body)
	}
	var want, got []string
	for _, component := range scoped {
		if component.Kind == "Component" {
			want = append(want, component.Metadata.Name)
		}
	}
	for _, component := range metadata.Components {
		got = append(got, component.Name)
		if lacks := components.Lacking(component.Name, append(component.Capabilities, "crud")); len(lacks) > 0 { // crud is not reported
			t.Errorf("%s lacks %v: it has %v", component.Name, lacks, component.Capabilities)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("components (-want +got):\n%s", diff)
	}
}

// checkSecrets expects that the app may read exactly its own secrets.
func (s sidecar) checkSecrets(t *testing.T, allowed []string) {
	t.Helper()
	for name := range s.set {
		want := permissionDenied
		if len(allowed) == 0 {
			want = noStore
		}
		if slices.Contains(allowed, name) {
			want = ok
		}
		if got := s.call(t, "GetSecret", "secret-store", name); got != want {
			t.Errorf("reading %s: status %s, want %s", name, got, want)
		}
	}
}

// checkAPIs expects that the sidecar serves exactly the APIs that the app uses.
func (s sidecar) checkAPIs(t *testing.T, scoped map[string]resource) {
	t.Helper()
	for _, store := range []string{"session-store", "cache-store"} {
		if scoped[store].Kind == "" {
			continue
		}
		if got := s.call(t, "GetState", store, "key"); got != ok {
			t.Errorf("reading %s: status %s", store, got)
		}
	}
	if scoped["session-store"].Kind == "" {
		if got := s.call(t, "GetState", "session-store", "key"); got != unimplemented {
			t.Errorf("the state API, which the app does not use, answers %s", got)
		}
	}
	for _, method := range []string{"InvokeBinding", "GetMetadata", "InvokeService", "Shutdown"} {
		if got := s.call(t, method); got != unimplemented {
			t.Errorf("%s answers %s", method, got)
		}
	}
	for _, path := range []string{
		"/v1.0/secrets/secret-store/jwt-signing-key", "/v1.0/secrets/secret-store/bulk", "/v1.0/state/session-store/key",
	} {
		if status, body := s.get(t, path); status != http.StatusNotFound {
			t.Errorf("%s answers %d: %s", path, status, body)
		}
	}
}

// publishers are the publishing apps with their topics.
var publishers = map[string]string{"product-change-service": "product.changed.v1", "auth-service": "user.logged-in.v1"}

// checkTopics expects that the app may publish exactly its own topic.
func (s sidecar) checkTopics(t *testing.T, app string) {
	t.Helper()
	own, others := publishers[app], permissionDenied
	if own == "" {
		others = unimplemented
	}
	if own != "" {
		if got := s.call(t, "PublishEvent", "pubsub", own); got != ok {
			t.Errorf("publishing to %s answers %s", own, got)
		}
	}
	if got := s.call(t, "PublishEvent", "pubsub", "other.topic.v1"); got != others {
		t.Errorf("publishing to another topic answers %s, want %s", got, others)
	}
}
