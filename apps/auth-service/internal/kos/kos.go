// Package kos asks the carrier's order system whose a line is.
package kos

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
	"github.com/phonebill/phonebill/apps/internal/kosclient"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// productInquiry tells about a line; its plan, which it also tells, is nothing
// to us.
const productInquiry = "/api/kos/product-inquiry"

// Its result codes beside kosclient.OK.
const (
	unknownLine kosclient.ResultCode = "1001"
	notActive   kosclient.ResultCode = "1002"
)

// Poster is what we need of kosclient.Client.
type Poster interface {
	Post(ctx context.Context, path string, in any) (kosclient.Answer, error)
}

// Carrier is KOS. It is safe for concurrent use.
type Carrier struct{ client Poster }

var _ identity.Carrier = (*Carrier)(nil)

// New returns the carrier that client reaches.
func New(client Poster) *Carrier { return &Carrier{client: client} }

type inquiry struct {
	LineNumber string `json:"lineNumber"`
	RequestID  string `json:"requestId"`
}

// Customer implements identity.Carrier. It returns kosclient.ErrUnavailable
// also for an answer that does not say what it must.
func (c *Carrier) Customer(ctx context.Context, line msisdn.Number) (id string, known bool, err error) {
	answer, err := c.client.Post(ctx, productInquiry, inquiry{LineNumber: line.Digits(), RequestID: rand.Text()})
	if err != nil {
		return "", false, err
	}
	switch answer.ResultCode {
	case unknownLine:
		return "", false, nil
	case notActive:
		// A suspended line is somebody's; KOS may keep to itself whose.
		id, _ := customerOf(answer.Data)
		return id, true, nil
	case kosclient.OK:
		id, err := customerOf(answer.Data)
		return id, true, err
	}
	return "", false, kosclient.ErrUnavailable.WithCause(fmt.Errorf("kos: result code %q", answer.ResultCode))
}

// customerOf reads the one field we need, whatever else there may be.
func customerOf(data json.RawMessage) (string, error) {
	var line struct {
		CustomerID string `json:"customerId"`
	}
	if err := json.Unmarshal(data, &line); err != nil || line.CustomerID == "" {
		return "", kosclient.ErrUnavailable.WithCause(errors.New("kos: a line without a customer"))
	}
	return line.CustomerID, nil
}
