// Package audit keeps the trail of what administrators did and of what was
// denied to anybody: an append-only table in the database of each service.
package audit

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/phonebill/phonebill/apps/internal/pg"
	"github.com/phonebill/phonebill/apps/internal/telemetry"
)

// Outcome is how it ended.
type Outcome string

// The outcomes.
const (
	Done      Outcome = "DONE"
	Unchanged Outcome = "UNCHANGED" // done, but there was nothing to do
	Denied    Outcome = "DENIED"
)

// Event is one entry of the trail. None of its texts may hold personal data but
// ids; a line number is masked.
type Event struct {
	ID        uuid.UUID // of version 7; given when the event is made or inserted
	At        time.Time
	Actor     string // a user id, or the name of a command
	SessionID string
	Action    string // of a denied access: method and route
	Target    string // of what or whom it is about
	Detail    string // a permission, or the code of a refusal
	Outcome   Outcome
	TraceID   string
	Address   string // of the client
}

// maxText bounds what is kept of each text of an event: some come from outside.
const maxText = 200

// complete fills in what an event is told by its circumstances.
func (e Event) complete(ctx context.Context) Event {
	if e.ID == uuid.Nil {
		e.ID = uuid.Must(uuid.NewV7()) // panics without randomness, as crypto/rand does
	}
	if e.TraceID == "" {
		e.TraceID = telemetry.TraceID(ctx)
	}
	for _, text := range []*string{&e.Actor, &e.SessionID, &e.Action, &e.Target, &e.Detail, &e.TraceID, &e.Address} {
		*text = clean(*text)
	}
	return e
}

// clean makes of text what a database takes and what a reader survives.
func clean(text string) string {
	kept := make([]byte, 0, min(len(text), maxText))
	for i := 0; i < len(text) && len(kept) < maxText; i++ {
		c := text[i]
		if c < ' ' || c > '~' {
			c = '?'
		}
		kept = append(kept, c)
	}
	return string(kept)
}

// Table is the trail's table: kept for two years.
var Table = pg.Partitions{Table: "audit_event", Keep: 24, Seal: "audit_refuse"}

const insert = `
INSERT INTO audit_event (event_id, at, actor, session_id, action, target, detail, outcome, trace_id, address)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (event_id, at) DO NOTHING`

func (e Event) args() []any {
	return []any{e.ID, e.At, e.Actor, e.SessionID, e.Action, e.Target, e.Detail, string(e.Outcome), e.TraceID, e.Address}
}

// Execer is a transaction.
type Execer interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

// Insert adds an event within the transaction of what it tells about: either
// both are there or neither. The event gets its id and ctx's trace.
func Insert(ctx context.Context, tx Execer, e Event) error {
	_, err := tx.Exec(ctx, insert, e.complete(ctx).args()...)
	return err
}
