package cluster

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/phonebill/phonebill/dev/internal/checkout"
	"github.com/phonebill/phonebill/dev/internal/runfile"
)

// enabled is the environment variable that enables these tests, because they need a cluster.
const enabled = "PHONEBILL_CLUSTER"

// Services, by the names of their Deployments and Services.
const (
	auth    = "auth-service"
	bills   = "bill-inquiry-service"
	plans   = "product-change-service"
	kosMock = "kos-mock-service"
	portal  = "web-portal"
	edge    = "edge" // not a service: the target of the ingress
)

// services are the apps of dapr.yaml.
var services []string

// Minimum and maximum pods of the autoscalers in values-local.yaml.
const leastReplicas, mostReplicas = 2, 4

// release is the name of the Helm release.
const release = "phonebill"

// live is the system under test. Tests are not parallel, because they share it.
var live struct {
	checkout  checkout.Checkout
	namespace string
	tookReady time.Duration // from an empty namespace to all pods ready
	node      string        // an address at which the Services are reached
	ports     map[string]int
}

// setupTimeout bounds the set-up before the first test and the cleanup after the last one.
const setupTimeout = 10 * time.Minute

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	flag.Parse()
	if os.Getenv(enabled) == "" {
		fmt.Printf("skipped: these tests need a cluster; set %s=1 and KUBECONFIG, or use `make test-cluster`\n", enabled)
		return 0
	}
	ctx, cancel := context.WithTimeout(context.Background(), setupTimeout)
	defer cancel()
	if err := setUp(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		return 1
	}
	code := m.Run()
	if code != 0 && os.Getenv("PHONEBILL_CLUSTER_KEEP") != "" {
		fmt.Printf("kept for inspection: namespace %s\n", live.namespace)
		return code
	}
	ctx, cancelLast := context.WithTimeout(context.Background(), setupTimeout)
	defer cancelLast()
	if err := takeDown(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "cluster: after all tests:", err)
		return 1
	}
	return code
}

// setUp installs the system into a new namespace.
func setUp(ctx context.Context) (err error) {
	if live.checkout, err = checkout.Find("."); err != nil {
		return err
	}
	file, err := runfile.Load(live.checkout.Path("dapr.yaml"))
	if err != nil {
		return err
	}
	for _, app := range file.Apps {
		services = append(services, app.ID)
	}
	live.namespace = cmp.Or(os.Getenv("PHONEBILL_CLUSTER_NAMESPACE"), "phonebill-test")
	if err := missing(ctx); err != nil {
		return err
	}
	if err := loadImages(ctx); err != nil {
		return err
	}
	if err := removeNamespace(ctx); err != nil {
		return err
	}
	if err := install(ctx); err != nil {
		// Kept for inspection; the next run removes it.
		return errors.Join(err, errors.New(overview(ctx)))
	}
	return open(ctx)
}

// takeDown uninstalls the system and checks for remaining objects.
func takeDown(ctx context.Context) error {
	left, err := uninstall(ctx)
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("helm uninstall left %v", left)
	}
	return errors.Join(err, removeNamespace(ctx))
}
