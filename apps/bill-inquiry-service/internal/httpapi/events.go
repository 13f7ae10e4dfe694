package httpapi

import (
	"context"
	"fmt"
	"net/http"

	"github.com/phonebill/phonebill/apps/internal/events"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// productChangedType is the type and topic of an event of product-change-service.
const productChangedType = "product.changed.v1"

// productChangedData is the part of the event that the service reads.
type productChangedData struct {
	CustomerID string `json:"customerId"` // "" from older releases
	LineNumber string `json:"lineNumber"`
}

func (a *API) productChanged() http.Handler {
	return events.Handle(a.consumer, productChangedType, func(ctx context.Context, data productChangedData) error {
		line, err := msisdn.Parse(data.LineNumber)
		if err != nil {
			return fmt.Errorf("%w: no line", events.ErrPoison)
		}
		return a.lines.Changed(ctx, data.CustomerID, line)
	})
}

// userLoggedInType is the type and topic of an event of auth-service.
const userLoggedInType = "user.logged-in.v1"

// userLoggedInData is the part of the event that the service reads.
type userLoggedInData struct {
	CustomerID string   `json:"customerId"` // "" from older releases
	Lines      []string `json:"lines"`
}

func (a *API) userLoggedIn() http.Handler {
	return events.Handle(a.consumer, userLoggedInType, func(ctx context.Context, data userLoggedInData) error {
		lines := make([]msisdn.Number, len(data.Lines))
		for i, text := range data.Lines {
			line, err := msisdn.Parse(text)
			if err != nil {
				return fmt.Errorf("%w: no line", events.ErrPoison)
			}
			lines[i] = line
		}
		return a.logins.LoggedIn(ctx, data.CustomerID, lines)
	})
}
