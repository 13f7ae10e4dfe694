// Package kos asks the carrier's order system whose a line is. It keeps to its
// limit.
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

// ProductInquiry tells about a line; its plan, which it also tells, is nothing
// to us.
const (
	ProductInquiry = "product-inquiry"

	path = "/api/kos/" + ProductInquiry
)

// Result codes other than kosclient.OK.
const (
	unknownLine kosclient.ResultCode = "1001"
	notActive   kosclient.ResultCode = "1002"
)

// Poster is what we need of kosclient.Client.
type Poster interface {
	Post(ctx context.Context, path string, in any) (kosclient.Answer, error)
}

// Budget is the right to call KOS. See kosbudget.Budget.
type Budget interface {
	Await(ctx context.Context, longest time.Duration) (wait time.Duration, err error)
	Throttled(ctx context.Context, retryAfter time.Duration) error
}

var _ Budget = (*kosbudget.Budget)(nil)

// Carrier is KOS. It is safe for concurrent use.
type Carrier struct {
	client Poster
	budget Budget
}

var _ identity.Carrier = (*Carrier)(nil)

// New returns the carrier that client reaches, as often as budget allows.
func New(client Poster, budget Budget) *Carrier { return &Carrier{client: client, budget: budget} }

type inquiry struct {
	LineNumber string `json:"lineNumber"`
	RequestID  string `json:"requestId"`
}

// Customer implements identity.Carrier. It returns kosclient.ErrBusy while KOS's
// limit is used up, identity.ErrDatabase if nobody can say whether it is, and
// kosclient.ErrUnavailable also for an answer that does not say what it must.
func (c *Carrier) Customer(ctx context.Context, line msisdn.Number) (id string, known bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	if err := c.await(ctx); err != nil {
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
	// answerTimeout bounds it all, however often resiliency/ repeats a call that
	// hangs. Product rule: nobody waits longer than 8 s.
	answerTimeout = 7 * time.Second
	// patience is how long somebody who registers waits for KOS's limit.
	patience = 1500 * time.Millisecond
	// await is over by then, also if the database hangs.
	awaitTimeout = patience + time.Second
	// tellTimeout bounds the word to the other replicas.
	tellTimeout = time.Second
)

// await waits for the right to ask.
func (c *Carrier) await(ctx context.Context) error {
	brief, cancel := context.WithTimeout(ctx, awaitTimeout)
	defer cancel()
	wait, err := c.budget.Await(brief, patience)
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

// ask asks KOS. Every replica hears of a refusal for having asked too often.
func (c *Carrier) ask(ctx context.Context, line msisdn.Number) (kosclient.Answer, error) {
	answer, err := c.client.Post(ctx, path, inquiry{LineNumber: line.Digits(), RequestID: rand.Text()})
	if !errors.Is(err, kosclient.ErrBusy) {
		return answer, err
	}
	telling, cancel := context.WithTimeout(context.WithoutCancel(ctx), tellTimeout)
	defer cancel()
	told := c.budget.Throttled(telling, problem.From(err).RetryAfter)
	return answer, errors.Join(err, told) // what the others are not told, they will find out
}

// lineData is the one field that is needed, whatever else there may be.
type lineData struct {
	line msisdn.Number // that was asked for

	LineNumber string `json:"lineNumber"`
	CustomerID string `json:"customerId"`
}

// Check implements kosclient.Checker.
func (d *lineData) Check() error {
	var form kosclient.Form
	form.Wants(d.LineNumber == d.line.Digits(), kosclient.Mismatch, "another line")
	form.Customer("customerId", d.CustomerID)
	return form.Err()
}

// ownerOfSuspended returns the customer of a suspended line, or "" if KOS does
// not say whose it is. The result code suffices for the line to be taken: data
// that is wrong is counted as a fault, and is no error.
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
