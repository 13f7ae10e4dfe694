package upgrade

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/phonebill/phonebill/dev/internal/api"
	"github.com/phonebill/phonebill/dev/internal/kos"
	"github.com/phonebill/phonebill/dev/system"
)

// state counts the work that has not ended.
type state struct {
	openChanges, queuedChanges              int // rows of change_request and kos_queue
	openInquiries, queuedFetches, inquirers int // rows of inquiry_request, kos_queue and waiting_inquiry
}

// String lists the counts.
func (s state) String() string {
	return fmt.Sprintf("%d changes are not final (%d items in the queue), %d inquiries (%d items in the queue, %d inquiries wait)",
		s.openChanges, s.queuedChanges, s.openInquiries, s.queuedFetches, s.inquirers)
}

const countChanges = `
SELECT (SELECT count(*) FROM change_request WHERE status NOT IN ('COMPLETED', 'FAILED')),
       (SELECT count(*) FROM kos_queue)`

const countInquiries = `
SELECT (SELECT count(*) FROM inquiry_request WHERE status = 'PROCESSING'),
       (SELECT count(*) FROM kos_queue), (SELECT count(*) FROM waiting_inquiry)`

// state reads the databases of both services.
func (w *world) state(ctx context.Context) (s state, err error) {
	err = errors.Join(
		w.query(ctx, "product", countChanges, &s.openChanges, &s.queuedChanges),
		w.query(ctx, "bill", countInquiries, &s.openInquiries, &s.queuedFetches, &s.inquirers),
	)
	return s, err
}

// query reads one row of a service's database.
func (w *world) query(ctx context.Context, service, sql string, into ...any) error {
	name, secret := "product_change", "database-password-product-change"
	if service == "bill" {
		name, secret = "bill_inquiry", "database-password-bill-inquiry"
	}
	address := url.URL{
		Scheme: "postgres", Host: system.PostgresAddress, User: url.UserPassword(name, w.secrets[secret]), Path: name, RawQuery: "sslmode=disable",
	}
	conn, err := pgx.Connect(ctx, address.String())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	return conn.QueryRow(ctx, sql).Scan(into...)
}

// report asks the release that is left for the end of all work, and compares it with KOS.
func (r *roll) report(ctx context.Context) (Report, error) {
	left, err := r.state(ctx)
	if err != nil {
		return Report{}, err
	}
	orders, err := r.kos.Orders(string(products))
	if err != nil {
		return Report{}, err
	}
	report := Report{Name: r.name, Changes: len(r.changes), Inquiries: len(r.inquiries), Left: left, Settled: r.done.Sub(r.back)}
	for endpoint, count := range map[string]*int{kos.ProductChange: &report.ChangeCalls, kos.BillInquiry: &report.InquiryCalls} {
		calls, err := r.kos.Calls(kos.Query{Endpoint: endpoint, Since: r.began})
		if err != nil {
			return Report{}, err
		}
		*count = calls.ByStatus[strconv.Itoa(http.StatusOK)]
		report.Throttled += calls.ByStatus[strconv.Itoa(http.StatusTooManyRequests)]
	}
	var rows int
	err = r.query(ctx, "product", "SELECT count(*) FROM change_request WHERE requested_at >= '"+r.began.UTC().Format(time.RFC3339Nano)+"'", &rows)
	if err != nil {
		return Report{}, err
	}
	if rows != len(r.changes) {
		report.fault("%d changes were accepted, and %d are stored", len(r.changes), rows)
	}
	report.checkOrders(r.changes, orders)
	report.checkAnswers(r)
	return report, nil
}

// checkAnswers reads the end of each request from the release that is left.
func (r *Report) checkAnswers(roll *roll) {
	for _, c := range roll.changes {
		answer := roll.client(c.customer, roll.to.url(products)).ChangeResult(c.requestID)
		if !answer.Succeeded() || answer.Data.Status != api.Completed {
			r.fault("change of %s: %s", c.user, answer)
		}
	}
	for _, i := range roll.inquiries {
		answer := roll.client(i.customer, roll.to.url(bills)).Result(i.requestID)
		if !answer.Succeeded() || answer.Data.Status != api.Completed || answer.Data.Bill == nil {
			r.fault("inquiry of %s: %s", i.user, answer)
		}
	}
}
