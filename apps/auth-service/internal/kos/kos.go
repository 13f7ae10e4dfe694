// Package kos asks KOS for the customer of a line, within the rate limit.
package kos

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
	kosbudget "github.com/phonebill/phonebill/apps/internal/kos/budget"
	kosclient "github.com/phonebill/phonebill/apps/internal/kos/client"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/problem"
)

// ProductInquiry is the KOS endpoint that returns a line's customer. It also returns the line's
// plan, which is not used.
const (
	ProductInquiry = "product-inquiry"

	path = "/api/kos/" + ProductInquiry
)

// Result codes other than kosclient.OK.
const (
	unknownLine kosclient.ResultCode = "1001"
	notActive   kosclient.ResultCode = "1002"
)

// Poster is the part of kosclient.Client that is used.
type Poster interface {
	Post(ctx context.Context, path string, in any) (kosclient.Answer, error)
}

// Budget admits calls to KOS. See kosbudget.Budget.
type Budget interface {
	Await(ctx context.Context, longest time.Duration) (wait time.Duration, err error)
	Throttled(ctx context.Context, retryAfter time.Duration) error
}

var _ Budget = (*kosbudget.Budget)(nil)

// Carrier implements identity.Carrier with KOS. It is safe for concurrent use.
type Carrier struct {
	client Poster
	budget Budget
}

var _ identity.Carrier = (*Carrier)(nil)

// New returns a Carrier that calls KOS through client, as admitted by budget.
func New(client Poster, budget Budget) *Carrier { return &Carrier{client: client, budget: budget} }

type inquiry struct {
	LineNumber string `json:"lineNumber"`
	RequestID  string `json:"requestId"`
}

// Customer implements identity.Carrier. It returns kosclient.ErrBusy while KOS's rate limit is
// exhausted, identity.ErrDatabase if the budget cannot be read, and kosclient.ErrUnavailable also
// for an invalid answer.
func (c *Carrier) Customer(ctx context.Context, line msisdn.Number) (id string, known bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	if err := c.admit(ctx); err != nil {
		return "", false, err
	}
	answer, err := c.ask(ctx, line)
	if err != nil {
		return "", false, err
	}
	switch answer.ResultCode {
	case unknownLine:
		return "", false, nil
	case notActive:
		return ownerOfSuspended(ctx, answer, line), true, nil
	case kosclient.OK:
		id, err := customerOf(ctx, answer, line)
		return id, err == nil, err
	}
	return "", false, answer.Unexpected(ctx)
}

const (
	// answerTimeout bounds the whole call, including retries of resiliency/. Product rule: no
	// client waits longer than 8 s.
	answerTimeout = 7 * time.Second
	// admissionTimeout bounds the wait for admission by the budget.
	admissionTimeout = 1500 * time.Millisecond
	// budgetTimeout bounds admit as a whole, also if the database hangs.
	budgetTimeout = admissionTimeout + time.Second
	// reportTimeout bounds the report of a refusal to the other replicas.
	reportTimeout = time.Second
)

// admit waits for admission by the budget.
func (c *Carrier) admit(ctx context.Context) error {
	brief, cancel := context.WithTimeout(ctx, budgetTimeout)
	defer cancel()
	wait, err := c.budget.Await(brief, admissionTimeout)
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case err != nil:
		return identity.ErrDatabase.WithCause(err)
	case wait > 0:
		return kosclient.ErrBusy.After(wait)
	}
	return nil
}

// ask calls KOS. If KOS refuses for exceeding its rate limit, ask reports that to all replicas.
func (c *Carrier) ask(ctx context.Context, line msisdn.Number) (kosclient.Answer, error) {
	answer, err := c.client.Post(ctx, path, inquiry{LineNumber: line.Digits(), RequestID: rand.Text()})
	if !errors.Is(err, kosclient.ErrBusy) {
		return answer, err
	}
	reportCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reportTimeout)
	defer cancel()
	reportErr := c.budget.Throttled(reportCtx, problem.From(err).RetryAfter)
	return answer, errors.Join(err, reportErr) // without the report, other replicas find out by themselves
}

// lineData is the part of the answer that is used.
type lineData struct {
	line msisdn.Number // the requested line

	LineNumber string `json:"lineNumber"`
	CustomerID string `json:"customerId"`
}

// Check implements kosclient.Checker.
func (d *lineData) Check() error {
	var form kosclient.Form
	form.Require(d.LineNumber == d.line.Digits(), kosclient.Mismatch, "another line")
	form.Customer("customerId", d.CustomerID)
	return form.Err()
}

// ownerOfSuspended returns the customer of a suspended line, or "" if KOS does not disclose it. The
// result code alone means that the line is taken, so invalid data is counted as a fault but not
// returned as an error.
func ownerOfSuspended(ctx context.Context, answer kosclient.Answer, line msisdn.Number) string {
	if len(answer.Data) == 0 {
		return ""
	}
	id, err := customerOf(ctx, answer, line)
	if err != nil {
		return ""
	}
	return id
}

func customerOf(ctx context.Context, answer kosclient.Answer, line msisdn.Number) (string, error) {
	data := lineData{line: line}
	if err := answer.Read(ctx, &data); err != nil {
		return "", err
	}
	return data.CustomerID, nil
}
