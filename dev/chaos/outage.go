package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/phonebill/phonebill/dev/internal/api"
	"github.com/phonebill/phonebill/dev/internal/kos"
	"github.com/phonebill/phonebill/dev/internal/proc"
	"github.com/phonebill/phonebill/dev/internal/traffic"
)

// Outage is a time during which KOS answers nothing while changes wait.
type Outage struct {
	Changes int
	For     time.Duration
}

const (
	// ordersPerMinute is KOS's rate limit of orders (product.md, "KOS").
	ordersPerMinute = 50
	// ordersAtOnce is the number of orders that the service may have in progress: an eighth of its
	// budget, which is slightly below KOS's limit.
	ordersAtOnce = 6
	// quiet is how long readers read before the outage, for comparison.
	quiet = 5 * time.Second
	// lookEvery is the readers' interval.
	lookEvery = 50 * time.Millisecond
)

// orderly removes the rate limits of everything but orders and their status.
var orderly = slices.DeleteFunc(slices.Clone(kos.Unlimited), func(variable string) bool {
	return strings.HasPrefix(variable, "KOS_CHANGE_")
})

// outageRun is an outage in progress.
type outageRun struct {
	*scene
	outage   Outage
	readers  []*customer
	accepted []string // ids of changes in order
	back     time.Time
}

// RunOutage starts the system, lets customers change their plans while KOS is down, and reports the
// results. It returns an error if there is nothing to report.
func RunOutage(ctx context.Context, outage Outage, out io.Writer) (report OutageReport, err error) {
	scene, err := openScene(ctx, orderly, out)
	if err != nil {
		return OutageReport{}, err
	}
	defer func() { err = errors.Join(err, scene.Close(ctx)) }()
	r := &outageRun{scene: scene, outage: outage}
	if err := r.Seed(ctx, outage.Changes); err != nil {
		return OutageReport{}, err
	}
	customers, err := r.login(outage.Changes)
	if err != nil {
		return OutageReport{}, err
	}
	looking := traffic.Start(len(r.readers), lookEvery, r.look)
	defer looking.Stop()
	if err := proc.Pause(ctx, quiet); err != nil {
		return OutageReport{}, err
	}
	began := time.Now()
	if err := r.fall(customers); err != nil {
		return OutageReport{}, err
	}
	rows, err := r.recover(ctx)
	if err != nil {
		return OutageReport{}, err
	}
	return r.report(began, rows, looking.Stop())
}

// login logs everyone in; two of the customers become readers.
func (r *outageRun) login(size int) ([]*customer, error) {
	customers := make([]*customer, size)
	for n := range customers {
		customers[n] = r.customer(n)
		if err := customers[n].login(); err != nil {
			return nil, err
		}
	}
	r.readers = customers[:2]
	return customers, nil
}

// look reads the catalogue or the history.
func (r *outageRun) look(worker int) traffic.Call {
	c, call := r.readers[worker], traffic.Call{Start: time.Now()}
	if worker == 0 {
		return seen(call, c.api.Offers(c.plan))
	}
	return seen(call, c.api.Changes(""))
}

func seen[T any](call traffic.Call, answer api.Answer[T]) traffic.Call {
	call.Took, call.OK, call.Status = answer.Took, answer.Succeeded(), answer.Status
	if !call.OK {
		call.Reason = answer.String()
	}
	return call
}

// fall makes KOS refuse orders, requests all changes, and then makes KOS answer nothing.
func (r *outageRun) fall(customers []*customer) error {
	r.back = time.Now().Add(r.outage.For)
	if err := r.takeOrders(r.outage.For); err != nil {
		return err
	}
	for _, c := range customers {
		form := api.ChangeForm{Line: c.line, Current: c.plan, Target: c.choose(ChangeRequest{})}
		answer := c.api.Change(form, api.How{Key: "outage-" + c.user, Async: true})
		if !answer.Succeeded() {
			return fmt.Errorf("a change was not accepted: %s", answer)
		}
		r.accepted = append(r.accepted, answer.Data.RequestID)
	}
	r.Say("%d changes wait, KOS answers nothing for %s", len(r.accepted), time.Until(r.back).Round(time.Second))
	for _, endpoint := range kos.Endpoints {
		if endpoint == kos.ProductChange {
			continue
		}
		out := kos.Calm
		out.OutageSeconds = int(time.Until(r.back).Seconds()) + 1
		if err := r.KOS.Behave(endpoint, out); err != nil {
			return err
		}
	}
	return nil
}

// takeOrders makes KOS accept orders again after a delay.
func (r *outageRun) takeOrders(after time.Duration) error {
	return r.KOS.Behave(kos.ProductChange, kos.Behavior{
		Latency: kos.Latency{Min: 300, Max: 800}, LimitPerMinute: ordersPerMinute, OutageSeconds: int(after.Seconds()),
	})
}

// recover waits until KOS is back and all changes are final, or a timeout.
func (r *outageRun) recover(ctx context.Context) ([]Row, error) {
	draining := time.Duration(len(r.accepted)) * time.Minute / ordersPerMinute
	ctx, cancel := context.WithDeadline(ctx, r.back.Add(2*draining+2*settleTimeout))
	defer cancel()
	for {
		rows, err := r.database.rows(ctx)
		if err != nil || allFinal(rows) {
			return rows, err
		}
		if err := proc.Pause(ctx, minWait); err != nil {
			return nil, fmt.Errorf("changes still wait: %w", err)
		}
	}
}
