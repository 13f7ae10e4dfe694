package chaos

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/phonebill/phonebill/dev/internal/api"
	"github.com/phonebill/phonebill/dev/internal/kos"
)

// Told is a change that a customer asked for, under one key, and all that the
// customer was told of it.
type Told struct {
	User, Key, Line string
	Current, Target string
	Answers         []Answer // in their order
	Refusal         string   // why it was not accepted; "" if it was, or if that is not known
}

// Answer is what a customer was told of an accepted change.
type Answer struct {
	RequestID string
	Status    string // Unknown if it had been accepted and was not found any more
	Code      string
}

// Unknown is the status of a change that the service knows nothing of.
const Unknown = "UNKNOWN"

// Row is a change as the service has written it down.
type Row struct {
	RequestID, User string
	Key             string // "" if none leads to it
	Line            string
	Current, Target string
	Status, Code    string
	Holds           bool // it keeps other changes of its line out
	RequestedAt     time.Time
	ProcessedAt     *time.Time // nil while it is not final
}

func (r Row) final() bool { return r.Status == api.Completed || r.Status == api.Failed }

// Truths are what three know, once all is over. They are compared by their
// request ids, and customers with rows also by users and keys.
type Truths struct {
	Told   []Told
	Rows   []Row
	Orders []kos.Order // of every result, the oldest first
	// Shown is the plan of each line that its customer sees in the end.
	Shown map[string]string
}

// Kind is what is wrong.
type Kind string

// The kinds.
const (
	Lost        Kind = "lost"        // accepted, but without an end
	Doubled     Kind = "doubled"     // asked for once, done more often
	Disagreeing Kind = "disagreeing" // two of the three say different things
)

// Finding is one thing that is wrong.
type Finding struct {
	Kind Kind
	What string
}

// Compare returns all that is wrong between the three.
func Compare(truths Truths) []Finding {
	c := comparison{rows: map[string]Row{}, accepted: map[string][]kos.Order{}, refused: map[string][]kos.Order{}}
	for _, row := range truths.Rows {
		if _, twice := c.rows[row.RequestID]; twice {
			c.find(Doubled, "request %s has two rows", row.RequestID)
		}
		c.rows[row.RequestID] = row
	}
	for _, order := range truths.Orders {
		decided := c.refused
		if order.ResultCode == kos.OK {
			decided = c.accepted
		}
		decided[order.RequestID] = append(decided[order.RequestID], order)
	}
	c.customers(truths.Told)
	for _, row := range truths.Rows {
		c.end(row)
		c.atKOS(row)
	}
	c.strays(truths.Orders)
	c.plans(truths)
	slices.SortFunc(c.findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.What, b.What))
	})
	return c.findings
}

type comparison struct {
	rows     map[string]Row // by request
	accepted map[string][]kos.Order
	refused  map[string][]kos.Order
	findings []Finding
}

func (c *comparison) find(kind Kind, format string, args ...any) {
	c.findings = append(c.findings, Finding{kind, fmt.Sprintf(format, args...)})
}

// customers compares what customers were told with the rows.
func (c *comparison) customers(all []Told) {
	rows := map[[2]string][]Row{} // by user and key
	for _, row := range c.rows {
		rows[[2]string{row.User, row.Key}] = append(rows[[2]string{row.User, row.Key}], row)
	}
	for _, told := range all {
		mark := [2]string{told.User, told.Key}
		own := rows[mark]
		delete(rows, mark)
		c.own(told, own)
		c.answers(told)
	}
	for mark, strays := range rows {
		c.find(Doubled, "%d rows of %s that nobody asked for, key %q", len(strays), mark[0], mark[1])
	}
}

// own compares a customer's wish with its rows.
func (c *comparison) own(told Told, rows []Row) {
	if len(rows) > 1 {
		c.find(Doubled, "key %s has %d rows", told.Key, len(rows))
	}
	for _, row := range rows {
		if told.Refusal != "" {
			c.find(Disagreeing, "key %s was refused with %s and is request %s", told.Key, told.Refusal, row.RequestID)
		}
		if [3]string{told.Line, told.Current, told.Target} != [3]string{row.Line, row.Current, row.Target} {
			c.find(Disagreeing, "request %s is not what key %s stands for", row.RequestID, told.Key)
		}
	}
}

// answers compares what a customer was told with the row that it was about.
func (c *comparison) answers(told Told) {
	named := map[string]bool{}
	for _, answer := range told.Answers {
		named[answer.RequestID] = true
		row, there := c.rows[answer.RequestID]
		switch {
		case !there, answer.Status == Unknown:
			c.find(Lost, "request %s was accepted under key %s and is not to be found", answer.RequestID, told.Key)
		case row.User != told.User || row.Key != told.Key:
			c.find(Disagreeing, "key %s was told of request %s, which is another's", told.Key, answer.RequestID)
		case answer.Status == api.Completed || answer.Status == api.Failed:
			if answer.Status != row.Status || answer.Code != row.Code {
				c.find(Disagreeing, "request %s was told as %s %s and is %s %s", answer.RequestID, answer.Status, answer.Code, row.Status, row.Code)
			}
		}
	}
	if len(named) > 1 {
		c.find(Doubled, "key %s was told of %d requests", told.Key, len(named))
	}
}

// end checks that a change has come to its end.
func (c *comparison) end(row Row) {
	switch {
	case !row.final():
		c.find(Lost, "request %s is still %s", row.RequestID, row.Status)
	case row.Holds:
		c.find(Lost, "request %s is %s and still keeps its line", row.RequestID, row.Status)
	}
}

// atKOS compares a row with what KOS has done.
func (c *comparison) atKOS(row Row) {
	accepted, refused := c.accepted[row.RequestID], c.refused[row.RequestID]
	if len(accepted) > 1 {
		c.find(Doubled, "KOS has carried out request %s %d times", row.RequestID, len(accepted))
	}
	for _, order := range slices.Concat(accepted, refused) {
		if [3]string{order.Line, order.Current, order.Target} != [3]string{row.Line, row.Current, row.Target} {
			c.find(Disagreeing, "request %s is another change at KOS", row.RequestID)
		}
	}
	switch {
	case row.Status == api.Completed && len(accepted) == 0:
		c.find(Disagreeing, "request %s is completed, but KOS has not carried it out", row.RequestID)
	case row.Status == api.Failed && len(accepted) > 0:
		c.find(Disagreeing, "request %s has failed, but KOS has carried it out", row.RequestID)
	case row.Status == api.Failed && !slices.ContainsFunc(refused, func(o kos.Order) bool { return o.ResultCode == row.Code }):
		c.find(Disagreeing, "request %s has failed with %s, but KOS has not said so", row.RequestID, row.Code)
	}
}

// strays looks for orders that belong to no row.
func (c *comparison) strays(orders []kos.Order) {
	for _, order := range orders {
		if _, there := c.rows[order.RequestID]; !there {
			c.find(Disagreeing, "KOS has request %s (%s), of which there is no row", order.RequestID, order.ResultCode)
		}
	}
}

// plans compares what customers see in the end with what KOS applied last.
func (c *comparison) plans(truths Truths) {
	applied := map[string]string{} // by line
	for _, order := range truths.Orders {
		if order.Status == "APPLIED" {
			applied[order.Line] = order.Target
		}
	}
	for line, plan := range applied {
		if shown, there := truths.Shown[line]; there && shown != plan {
			c.find(Disagreeing, "line %s is shown with %s, but has %s", line, shown, plan)
		}
	}
}
