package e2e

import (
	"cmp"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/phonebill/phonebill/dev/internal/secrets"
	"github.com/phonebill/phonebill/dev/system"
)

// remote is a system that runs elsewhere, as in a cluster, with the seeded users
// in it. Tests that need the processes of one that they started skip there.
type remote struct {
	url     string                 // of the ingress
	apps    map[system.Role]string // where each answers without the ingress
	secrets string                 // the file

	replicas int // of a service, at most
}

// remoteSystem returns what PHONEBILL_E2E_URL says, nil if it is not set.
func remoteSystem() (*remote, error) {
	r := &remote{
		url: os.Getenv("PHONEBILL_E2E_URL"), secrets: os.Getenv("PHONEBILL_E2E_SECRETS"),
		apps: map[system.Role]string{},
	}
	if r.url == "" {
		return nil, nil
	}
	var err error
	if r.replicas, err = strconv.Atoi(cmp.Or(os.Getenv("PHONEBILL_E2E_REPLICAS"), "1")); err != nil {
		return nil, fmt.Errorf("PHONEBILL_E2E_REPLICAS: %w", err)
	}
	for pair := range strings.SplitSeq(os.Getenv("PHONEBILL_E2E_APPS"), ",") {
		app, url, _ := strings.Cut(pair, "=")
		r.apps[system.Role(app)] = url
	}
	for _, app := range apps {
		if r.apps[app] == "" {
			return nil, fmt.Errorf("PHONEBILL_E2E_APPS does not say where %s answers: app=URL,app=URL…", app)
		}
	}
	return r, nil
}

// visit gets ready to use the system that runs elsewhere.
func (w *world) visit() (err error) {
	if w.secrets, err = secrets.Load(cmp.Or(w.remote.secrets, w.checkout.Secrets())); err != nil {
		return fmt.Errorf("PHONEBILL_E2E_SECRETS: %w", err)
	}
	return w.kos.CalmDown()
}

// url is that of the ingress.
func (w *world) url() string {
	if w.remote != nil {
		return w.remote.url
	}
	return w.system.URL()
}

// replicas returns how many processes a service has at most.
func replicas() int {
	if whole.remote != nil {
		return whole.remote.replicas
	}
	return 1
}

// locally says that the test looks at, or harms, the processes of the system:
// it can only do so where it has started them.
func locally(t testing.TB) {
	t.Helper()
	if whole.remote != nil {
		t.Skip("takes the processes of a system of its own; this one runs elsewhere")
	}
}
