package bill

import (
	"encoding/json"
	"fmt"
)

// schema is the version of the form in which bills are kept, as JSON, in the
// archive and in the caches. A document of the first version says none. Newer
// versions must stay readable by software that knows only older ones: replicas
// of both run side by side during an upgrade.
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

// UnmarshalJSON reads a bill of any schema. One of the first is converted and
// marked as Outdated.
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

// convert makes a bill of the first schema one of the second, as far as its
// parts allow: the sum is computed anew, and the whole month is one charge.
// Whether the result adds up, CheckAmounts says.
func (b *Bill) convert() {
	b.Outdated = true
	c := &b.Charges
	c.Total = c.Monthly + c.Usage - c.Discount
	first, last := b.billed()
	c.Periods = []Charge{{Name: b.ProductName, From: first.Format(dayForm), To: last.Format(dayForm), Amount: c.Monthly}}
}
