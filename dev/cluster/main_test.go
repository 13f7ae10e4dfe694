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
)

// enabled is the variable without which no test here runs: they need a cluster.
const enabled = "PHONEBILL_CLUSTER"

// The services; their Deployments and Services are called so as well.
const (
	auth    = "auth-service"
	bills   = "bill-inquiry-service"
	plans   = "product-change-service"
	kosMock = "kos-mock-service"
	edge    = "edge" // no service: what the ingress leads to
)

var services = []string{auth, bills, plans, kosMock}

// How many pods the autoscalers of values-local.yaml make of a service.
const leastReplicas, mostReplicas = 2, 4

// release is what the chart is installed as.
const release = "phonebill"

// live is the system under test. Tests do not run in parallel: what one does to
// the system, the next would see.
var live struct {
	checkout  checkout.Checkout
	namespace string
	tookReady time.Duration // from an empty namespace to all pods ready
	node      string        // an address by which Services are reached
	ports     map[string]int
}

// setupTimeout bounds what comes before the first test, and what comes after
// the last.
const setupTimeout = 10 * time.Minute

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	flag.Parse()
	if os.Getenv(enabled) == "" {
		fmt.Printf("skipped: these tests take a cluster; set %s=1 and KUBECONFIG, or use `make test-cluster`\n", enabled)
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
		fmt.Printf("kept for a look: namespace %s\n", live.namespace)
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

// setUp installs the system into a namespace that was not there.
func setUp(ctx context.Context) (err error) {
	if live.checkout, err = checkout.Find("."); err != nil {
		return err
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
		// Kept for a look; the next run removes it.
		return errors.Join(err, errors.New(overview(ctx)))
	}
	return open(ctx)
}

// takeDown uninstalls the system and looks for what is left of it.
func takeDown(ctx context.Context) error {
	left, err := uninstall(ctx)
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("helm uninstall left %v", left)
	}
	return errors.Join(err, removeNamespace(ctx))
}
