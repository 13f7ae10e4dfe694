// Package bill holds what a bill inquiry is: bills, the months they may be
// asked for, where they come from, and the records that inquiries leave. It
// knows no HTTP, no SQL and no Dapr.
package bill

import (
	"time"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// Permission is what a user needs for everything here.
const Permission = "BILL_INQUIRY"

// Bill is one line's bill of one month, as KOS told it. Amounts are whole won.
// It is kept as JSON, in the cache and in the archive.
type Bill struct {
	Line  msisdn.Number `json:"line"`
	Month Month         `json:"month"`
	// Final says that KOS will never tell another bill for this month.
	Final bool `json:"final"`
	// AsOf is when KOS was asked for it.
	AsOf time.Time `json:"asOf"`
	// Stale says that a newer one was wanted and could not be had. It is never
	// kept.
	Stale bool `json:"-"`
	// Outdated says that it was kept in the first schema, whose meaning was
	// another: KOS is asked once more, even if the bill is final.
	Outdated bool `json:"-"`
	// Fetched is why it was fetched before anybody asked for it, if it was.
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

// Definitive reports whether KOS never has to be asked for the bill again.
func (b *Bill) Definitive() bool { return b.Final && !b.Outdated }

// Usage is what was used, as texts with units.
type Usage struct {
	Data  string `json:"data"`
	Voice string `json:"voice"`
	SMS   string `json:"sms"`
}

// Payment tells how and whether a bill is paid.
type Payment struct {
	BillingDate string `json:"billingDate"` // YYYYMMDD
	Status      string `json:"status"`      // PAID, UNPAID, SCHEDULED
	Method      string `json:"method"`
}

// Customer is who holds a line.
type Customer struct {
	ID           string `json:"id"`
	Name         string `json:"name"`
	OperatorCode string `json:"operatorCode"`
	LineStatus   string `json:"lineStatus"`
	// ContractSince is the day the contract began, YYYY-MM-DD.
	ContractSince string `json:"contractSince"`
	// AsOf is when KOS was asked.
	AsOf time.Time `json:"asOf,omitzero"`
}

// ContractMonth returns the first month that can have a bill, or "" if the
// contract's start is not known.
func (c Customer) ContractMonth() Month {
	start, err := time.ParseInLocation(time.DateOnly, c.ContractSince, Seoul)
	if err != nil {
		return ""
	}
	return MonthOf(start)
}
