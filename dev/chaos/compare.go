package chaos

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/phonebill/phonebill/dev/internal/api"
	"github.com/phonebill/phonebill/dev/internal/kos"
)

// Observed is a change requested under one key, with all answers to the customer.
type Observed struct {
	User, Key, Line string
	Current, Target string
	Answers         []Answer // in order
	Refusal         string   // final refusal; "" if accepted or unknown
}

// Answer is an answer about an accepted change.
type Answer struct {
	RequestID string
	Status    string // Unknown if it was accepted and does not exist any more
	Code      string
}

// Unknown is the status of a change that the service does not know.
const Unknown = "UNKNOWN"

// Row is a change in the service's database.
type Row struct {
	RequestID, User string
	Key             string // "" without a key
	Line            string
	Current, Target string
	Status, Code    string
	Holds           bool // it blocks other changes of its line
	RequestedAt     time.Time
	ProcessedAt     *time.Time // nil until it is final
}

func (r Row) final() bool { return r.Status == api.Completed || r.Status == api.Failed }

// Records are the three records after a run. They are matched by request id, and customers with rows
// also by user and key.
type Records struct {
	Observed []Observed
	Rows     []Row
	Orders   []kos.Order // of every result, oldest first
	// Shown is the plan of each line as its customer sees it at the end.
	Shown map[string]string
}

// final reports whether all changes are final.
func (r Records) final() bool {
	return !slices.ContainsFunc(r.Rows, func(row Row) bool { return !row.final() })
}

// count returns the number of changes with a status.
func (r Records) count(status string) (n int) {
	for _, row := range r.Rows {
		if row.Status == status {
			n++
		}
	}
	return n
}

// orderTimes returns the times of KOS's orders, in order.
func (r Records) orderTimes() []time.Time {
	times := make([]time.Time, 0, len(r.Orders))
	for _, order := range r.Orders {
		times = append(times, order.CreatedAt)
	}
	slices.SortFunc(times, time.Time.Compare)
	return times
}

// Kind is the kind of an inconsistency.
type Kind string

// The kinds.
const (
	Lost        Kind = "lost"        // accepted, but not final
	Doubled     Kind = "doubled"     // requested once, done more often
	Disagreeing Kind = "disagreeing" // two records differ
)

// Finding is an inconsistency.
type Finding struct {
	Kind Kind
	What string
}

// Compare returns all inconsistencies between the three records.
func Compare(records Records) []Finding {
	c := comparison{rows: map[string]Row{}, accepted: map[string][]kos.Order{}, refused: map[string][]kos.Order{}}
	for _, row := range records.Rows {
		if _, twice := c.rows[row.RequestID]; twice {
			c.find(Doubled, "request %s has two rows", row.RequestID)
		}
		c.rows[row.RequestID] = row
	}
	for _, order := range records.Orders {
		decided := c.refused
		if order.ResultCode == kos.OK {
			decided = c.accepted
		}
		decided[order.RequestID] = append(decided[order.RequestID], order)
	}
	c.customers(records.Observed)
	for _, row := range records.Rows {
		c.end(row)
		c.atKOS(row)
	}
	c.strays(records.Orders)
	c.plans(records)
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

// customers compares the customers' answers with the rows.
func (c *comparison) customers(all []Observed) {
	rows := map[[2]string][]Row{} // by user and key
	for _, row := range c.rows {
		rows[[2]string{row.User, row.Key}] = append(rows[[2]string{row.User, row.Key}], row)
	}
	for _, observed := range all {
		mark := [2]string{observed.User, observed.Key}
		own := rows[mark]
		delete(rows, mark)
		c.own(observed, own)
		c.answers(observed)
	}
	for mark, strays := range rows {
		c.find(Doubled, "%d unrequested rows of %s, key %q", len(strays), mark[0], mark[1])
	}
}

// own compares a requested change with its rows.
func (c *comparison) own(observed Observed, rows []Row) {
	if len(rows) > 1 {
		c.find(Doubled, "key %s has %d rows", observed.Key, len(rows))
	}
	for _, row := range rows {
		if observed.Refusal != "" {
			c.find(Disagreeing, "key %s was refused with %s and is request %s", observed.Key, observed.Refusal, row.RequestID)
		}
		if [3]string{observed.Line, observed.Current, observed.Target} != [3]string{row.Line, row.Current, row.Target} {
			c.find(Disagreeing, "request %s differs from the order with key %s", row.RequestID, observed.Key)
		}
	}
}

// answers compares the answers about a change with its row.
func (c *comparison) answers(observed Observed) {
	named := map[string]bool{}
	for _, answer := range observed.Answers {
		named[answer.RequestID] = true
		row, there := c.rows[answer.RequestID]
		switch {
		case !there, answer.Status == Unknown:
			c.find(Lost, "request %s was accepted under key %s and does not exist", answer.RequestID, observed.Key)
		case row.User != observed.User || row.Key != observed.Key:
			c.find(Disagreeing, "key %s was answered with request %s of another key", observed.Key, answer.RequestID)
		case answer.Status == api.Completed || answer.Status == api.Failed:
			if answer.Status != row.Status || answer.Code != row.Code {
				c.find(Disagreeing, "request %s was reported as %s %s and is %s %s", answer.RequestID, answer.Status, answer.Code, row.Status, row.Code)
			}
		}
	}
	if len(named) > 1 {
		c.find(Doubled, "key %s was answered with %d requests", observed.Key, len(named))
	}
}

// end checks that a change is final.
func (c *comparison) end(row Row) {
	switch {
	case !row.final():
		c.find(Lost, "request %s is still %s", row.RequestID, row.Status)
	case row.Holds:
		c.find(Lost, "request %s is %s and still blocks its line", row.RequestID, row.Status)
	}
}

// atKOS compares a row with KOS's orders.
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
		c.find(Disagreeing, "request %s has failed with %s, but KOS has not reported that", row.RequestID, row.Code)
	}
}

// strays finds orders without a row.
func (c *comparison) strays(orders []kos.Order) {
	for _, order := range orders {
		if _, there := c.rows[order.RequestID]; !there {
			c.find(Disagreeing, "KOS has request %s (%s), without a row", order.RequestID, order.ResultCode)
		}
	}
}

// plans compares the plans that customers see at the end with those that KOS applied last.
func (c *comparison) plans(records Records) {
	applied := map[string]string{} // by line
	for _, order := range records.Orders {
		if order.Status == "APPLIED" {
			applied[order.Line] = order.Target
		}
	}
	for line, plan := range applied {
		if shown, there := records.Shown[line]; there && shown != plan {
			c.find(Disagreeing, "line %s is shown with %s, but has %s", line, shown, plan)
		}
	}
}
