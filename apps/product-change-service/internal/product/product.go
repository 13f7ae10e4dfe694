// Package product reads plans and subscribers, through the cache and the archive, and
// checks whether a line may change to a plan. It imports no HTTP, SQL or Dapr.
package product

import (
	"time"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// Permission is the permission that the routes of this service require.
const Permission = "PRODUCT_CHANGE"

// Seoul is the time zone of days and months. Korea has had no daylight saving since
// 1988, so the fixed offset is exact and no zone database is needed.
var Seoul = time.FixedZone("KST", 9*60*60)

// Product is a plan as KOS describes it. It is stored as JSON.
type Product struct {
	Code        string `json:"code"`
	Name        string `json:"name"`
	Description string `json:"description,omitempty"` // in the catalogue only
	MonthlyFee  int64  `json:"monthlyFee"`            // whole won
	Data        string `json:"data"`                  // with its unit, or 무제한
	Voice       string `json:"voice"`
	SMS         string `json:"sms"`
	Operator    string `json:"operator"`
	// OnSale is false for a discontinued plan, which its present customers keep.
	OnSale bool `json:"onSale"` // in the catalogue only
}

// Subscriber is a line with its customer and plan. It is stored as JSON in the cache and
// in the archive.
type Subscriber struct {
	Line         msisdn.Number `json:"line"`
	CustomerID   string        `json:"customerId"`
	CustomerName string        `json:"customerName"`
	LineStatus   string        `json:"lineStatus"` // Active, or another
	Product      Product       `json:"product"`
	Contract     Contract      `json:"contract"`
	// AsOf is when KOS answered.
	AsOf time.Time `json:"asOf"`
	// Version is the version of the line in the archive before KOS was called.
	Version Version `json:"version"`
	// Stale marks a copy that is served because KOS gives no newer answer now. It is not
	// stored.
	Stale bool `json:"-"`
}

// AnsweredAt implements readthrough.Value.
func (s Subscriber) AnsweredAt() time.Time { return s.AsOf }

// Definitive implements readthrough.Value: a subscriber may always change.
func (Subscriber) Definitive() bool { return false }

// Active is the status of a line that is in use.
const Active = "ACTIVE"

// Contract is the contract of a line. Days are YYYY-MM-DD.
type Contract struct {
	Date    string `json:"date"`
	TermEnd string `json:"termEnd"` // "" if there is no term
	// TerminationFee is the fee for ending the contract now, in whole won.
	TerminationFee int64 `json:"terminationFee"`
}

// Catalogue is the list of all plans, discontinued ones included.
type Catalogue struct {
	Products []Product `json:"products"`
	// AsOf is when KOS answered.
	AsOf time.Time `json:"asOf"`
	// Stale is as in Subscriber.
	Stale bool `json:"-"`
}

// AnsweredAt implements readthrough.Value.
func (c Catalogue) AnsweredAt() time.Time { return c.AsOf }

// Definitive implements readthrough.Value: the catalogue may always change.
func (Catalogue) Definitive() bool { return false }

// Find returns the plan with a code, and false if there is none.
func (c Catalogue) Find(code string) (Product, bool) {
	for _, p := range c.Products {
		if p.Code == code {
			return p, true
		}
	}
	return Product{}, false
}

// Offers returns the plans of operator that are on sale, without the one with code
// current.
func (c Catalogue) Offers(current, operator string) []Product {
	offers := []Product{}
	for _, p := range c.Products {
		if p.OnSale && p.Operator == operator && p.Code != current {
			offers = append(offers, p)
		}
	}
	return offers
}
