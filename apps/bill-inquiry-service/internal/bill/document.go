package bill

import (
	"encoding/json"
	"fmt"
)

// schema is the version of the JSON in which the archive and the caches store bills.
// A document of the first version has no member for it. The release before must be
// able to read a new version: replicas of both run side by side during an upgrade.
//
//	1: no periods; total may include the instalment of a device, or not.
//	2: charges.periods; total never includes it.
const schema = 2

// plain is a Bill without its methods.
type plain Bill

type document struct {
	Schema int `json:"schema,omitempty"`
	*plain
}

// MarshalJSON writes the bill in the current schema.
func (b Bill) MarshalJSON() ([]byte, error) {
	return json.Marshal(document{Schema: schema, plain: (*plain)(&b)})
}

// UnmarshalJSON reads a bill of any schema. It converts one of the first schema and
// marks it as Outdated.
func (b *Bill) UnmarshalJSON(text []byte) error {
	read := document{plain: (*plain)(b)}
	if err := json.Unmarshal(text, &read); err != nil {
		return fmt.Errorf("bill: %w", err)
	}
	if read.Schema < schema {
		b.convert()
	}
	return nil
}

// convert converts a bill of the first schema to the second: it computes the sum from
// the parts and makes one charge of all billed days. The result may not add up: see
// CheckAmounts.
func (b *Bill) convert() {
	b.Outdated = true
	c := &b.Charges
	c.Total = c.Monthly + c.Usage - c.Discount
	first, last := b.billedDays()
	c.Periods = []Charge{{Name: b.ProductName, From: first.Format(dayForm), To: last.Format(dayForm), Amount: c.Monthly}}
}
