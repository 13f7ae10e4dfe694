// Package product holds what may be had from KOS about plans: the catalogue,
// who has which plan, where that comes from, and whether a line may take
// another plan. It knows no HTTP, no SQL and no Dapr.
package product

import (
	"time"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// Permission is what a user needs for everything here.
const Permission = "PRODUCT_CHANGE"

// Seoul is the zone that decides what day it is. Korea has had no daylight
// saving since 1988, so that the fixed offset is exact and no zone database is
// needed.
var Seoul = time.FixedZone("KST", 9*60*60)

// Product is a plan, as KOS tells it. It is kept as JSON.
type Product struct {
	Code        string `json:"code"`
	Name        string `json:"name"`
	Description string `json:"description,omitempty"` // in the catalogue only
	MonthlyFee  int64  `json:"monthlyFee"`            // whole won
	Data        string `json:"data"`                  // with its unit, or 무제한
	Voice       string `json:"voice"`
	SMS         string `json:"sms"`
	Operator    string `json:"operator"`
	// OnSale is false for a plan that only its present customers keep.
	OnSale bool `json:"onSale"` // in the catalogue only
}

// Subscriber is a line: who holds it, with which plan. It is kept as JSON, in
// the cache and for when KOS is away.
type Subscriber struct {
	Line         msisdn.Number `json:"line"`
	CustomerID   string        `json:"customerId"`
	CustomerName string        `json:"customerName"`
	LineStatus   string        `json:"lineStatus"` // Active, or another
	Product      Product       `json:"product"`
	Contract     Contract      `json:"contract"`
	// AsOf is when KOS told it, and Mark the line's in the archive before KOS was asked.
	AsOf time.Time `json:"asOf"`
	Mark Mark      `json:"mark"`
	// Stale says that a newer answer was wanted and could not be had. It is
	// never kept.
	Stale bool `json:"-"`
}

// Active is the status of a line that can be used.
const Active = "ACTIVE"

// Contract is what a customer is bound to. Days are YYYY-MM-DD.
type Contract struct {
	Date    string `json:"date"`
	TermEnd string `json:"termEnd"` // "": not bound
	// TerminationFee is what it would cost to leave now, in whole won.
	TerminationFee int64 `json:"terminationFee"`
}

// Catalogue are all plans, those no longer on sale included.
type Catalogue struct {
	Products []Product `json:"products"`
	// AsOf is when KOS told it.
	AsOf time.Time `json:"asOf"`
	// Stale is as in Subscriber.
	Stale bool `json:"-"`
}

// Find returns the plan of that code, if there is one.
func (c Catalogue) Find(code string) (Product, bool) {
	for _, p := range c.Products {
		if p.Code == code {
			return p, true
		}
	}
	return Product{}, false
}

// Offers returns the plans that a customer of operator who has the plan called
// current may take.
func (c Catalogue) Offers(current, operator string) []Product {
	offers := []Product{}
	for _, p := range c.Products {
		if p.OnSale && p.Operator == operator && p.Code != current {
			offers = append(offers, p)
		}
	}
	return offers
}
