package upgrade

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/phonebill/phonebill/dev/internal/api"
	"github.com/phonebill/phonebill/dev/internal/checkout"
	"github.com/phonebill/phonebill/dev/internal/console"
	"github.com/phonebill/phonebill/dev/internal/kos"
	"github.com/phonebill/phonebill/dev/internal/secrets"
	"github.com/phonebill/phonebill/dev/internal/toolchain"
	"github.com/phonebill/phonebill/dev/system"
)

// The services whose release changes.
const (
	bills    system.Role = "bill-inquiry-service"
	products system.Role = "product-change-service"
)

// startTimeout bounds the start of the system, including the build of both releases.
const startTimeout = 15 * time.Minute

// environment raises all budgets but those of the queues, so that work waits in these only, and
// disables prefetches, so that each inquiry waits for KOS.
var environment = []string{
	"KOS_CHANGE_STATUS_PER_MINUTE=3000", "KOS_PRODUCT_INQUIRY_PER_MINUTE=3000", "KOS_PRODUCTS_PER_MINUTE=600",
	"PREFETCH_ENABLED=false", "NIGHTLY_REFRESH_ENABLED=false",
}

// limits are KOS's rate limits at the endpoints with queues, in calls a minute.
var limits = map[string]int{kos.ProductChange: 50, kos.BillInquiry: 100}

// world is the system of the older release, with the programs of both.
type world struct {
	*system.System

	kos       *kos.Admin
	secrets   secrets.Set
	programs  checkout.Checkout // of the newer release
	console   *console.Console
	transport http.RoundTripper
	customers []*customer
}

// open starts the system of release from and builds the programs of this checkout.
func open(ctx context.Context, from string, out io.Writer) (*world, error) {
	root, err := checkout.Find(".")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	older, err := extract(ctx, root, from)
	if err != nil {
		return nil, err
	}
	terminal := console.New(out)
	build := toolchain.Toolchain{Checkout: root, Console: terminal}
	err = errors.Join(linkTools(root, older), build.BuildApps(ctx, []string{
		root.Path("apps", string(bills)), root.Path("apps", string(products)),
	}))
	if err != nil {
		return nil, err
	}
	s, err := system.Start(ctx, system.Options{Dir: older.Root, Fresh: true, Env: environment, Out: out})
	if err != nil {
		return nil, err
	}
	set, err := secrets.Load(older.Secrets())
	if err != nil {
		return nil, errors.Join(err, s.Stop(ctx))
	}
	return &world{
		System: s, kos: kos.New(s.AppURL("kos-mock-service"), nil), secrets: set, programs: root, console: terminal,
		transport: api.Timed(&http.Transport{MaxIdleConnsPerHost: submitters}),
	}, nil
}

// close stops the system, also after ctx has ended.
func (w *world) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	return w.Stop(ctx)
}

// behave makes KOS answer, or refuse all orders and inquiries.
func (w *world) behave(outage bool) error {
	if err := w.kos.CalmDown(); err != nil {
		return err
	}
	for endpoint, limit := range limits {
		behavior := kos.Behavior{Latency: kos.Latency{Min: 300, Max: 800}, LimitPerMinute: limit}
		if outage {
			behavior.OutageSeconds = int(time.Hour.Seconds())
		}
		if err := w.kos.Behave(endpoint, behavior); err != nil {
			return err
		}
	}
	return nil
}

// release is a set of replicas of the same release.
type release struct {
	name  string
	world *world
	newer bool
}

// url returns the address of the release's replica of a service.
func (r release) url(service system.Role) string {
	if r.newer {
		return r.world.ReplicaURL(service)
	}
	return r.world.AppURL(service)
}

// start starts the release's replica of a service, after its migrations, as a roll-out does.
func (r release) start(ctx context.Context, service system.Role) error {
	w := r.world
	if r.newer {
		return w.AddReplica(ctx, service, w.programs.Bin(string(service)))
	}
	if err := errors.Join(w.Restart(ctx, service), w.Restart(ctx, system.Sidecar(service))); err != nil {
		return err
	}
	return w.WaitReady(ctx, service, system.Sidecar(service))
}

// migrate runs the release's migrations of a service.
func (r release) migrate(ctx context.Context, service system.Role) error {
	if r.newer {
		return r.world.RunProgram(ctx, r.world.programs.Bin(string(service)), service, "migrate")
	}
	return r.world.RunApp(ctx, service, "migrate")
}

// kill kills the release's replica of a service, like a node that dies during the roll-out.
func (r release) kill(service system.Role) error {
	if r.newer {
		service = system.Replica(service)
	}
	return errors.Join(r.world.Kill(service), r.world.Kill(system.Sidecar(service)))
}
