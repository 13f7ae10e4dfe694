// Package bill has the rules and use cases of bill inquiries: bills, billing
// months, reading from caches and the archive, fetching from KOS, prefetching,
// and the history. It imports no HTTP, SQL or Dapr.
package bill

import (
	"time"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// Permission is the permission that every route of the service requires.
const Permission = "BILL_INQUIRY"

// Bill is KOS's bill of one line and one month. Amounts are whole won. Caches and
// the archive store it as JSON.
type Bill struct {
	Line  msisdn.Number `json:"line"`
	Month Month         `json:"month"`
	// Final is true if the bill of this month cannot change any more.
	Final bool `json:"final"`
	// AsOf is when KOS was called for the bill.
	AsOf time.Time `json:"asOf"`
	// Stale is true if the bill is older than its freshness allows and KOS gave no
	// newer one in time. It is not stored.
	Stale bool `json:"-"`
	// Outdated is true if the bill was stored in the first schema, in which some
	// members had another meaning. KOS is called once more, even for a final bill.
	Outdated bool `json:"-"`
	// Fetched is the reason of the prefetch that loaded the bill, or "".
	Fetched string `json:"fetched,omitempty"`

	Customer          Customer `json:"customer"`
	ProductCode       string   `json:"productCode"`
	ProductName       string   `json:"productName"`
	Charges           Charges  `json:"charges"`
	Usage             Usage    `json:"usage"`
	Status            string   `json:"status"`  // OPEN, BILLED
	DueDate           string   `json:"dueDate"` // YYYYMMDD
	Contract          string   `json:"contract"`
	TerminationFee    int64    `json:"terminationFee"`
	DeviceInstallment int64    `json:"deviceInstallment"`
	Payment           Payment  `json:"payment"`
}

// Definitive implements readthrough.Value.
func (b Bill) Definitive() bool { return b.Final && !b.Outdated }

// AnsweredAt implements readthrough.Value.
func (b Bill) AnsweredAt() time.Time {
	if b.Outdated {
		return time.Time{}
	}
	return b.AsOf
}

// Usage is the usage of a month, as texts with units.
type Usage struct {
	Data  string `json:"data"`
	Voice string `json:"voice"`
	SMS   string `json:"sms"`
}

// Payment is the date, status and method of a bill's payment.
type Payment struct {
	BillingDate string `json:"billingDate"` // YYYYMMDD
	Status      string `json:"status"`      // PAID, UNPAID, SCHEDULED
	Method      string `json:"method"`
}

// Customer is the customer of a line, as KOS names it.
type Customer struct {
	ID           string `json:"id"`
	Name         string `json:"name"`
	OperatorCode string `json:"operatorCode"`
	LineStatus   string `json:"lineStatus"`
	// ContractSince is the day the contract began, YYYY-MM-DD.
	ContractSince string `json:"contractSince"`
}

// ContractMonth returns the first month that can have a bill, or "" if the start of
// the contract is not known.
func (c Customer) ContractMonth() Month {
	start, err := time.ParseInLocation(time.DateOnly, c.ContractSince, Seoul)
	if err != nil {
		return ""
	}
	return MonthOf(start)
}
