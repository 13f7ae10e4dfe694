// Package audit keeps the audit trail: administrative acts and denied accesses,
// in an append-only table in the database of each service.
package audit

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/phonebill/phonebill/apps/internal/pg"
	"github.com/phonebill/phonebill/apps/internal/telemetry"
)

// Outcome is the result of an act.
type Outcome string

// The outcomes.
const (
	Done      Outcome = "DONE"
	Unchanged Outcome = "UNCHANGED" // succeeded, but had no effect
	Denied    Outcome = "DENIED"
)

// Event is one record of the trail. Its texts hold no personal data except ids;
// a line number is masked.
type Event struct {
	ID        uuid.UUID // version 7; Insert and Denials generate it
	At        time.Time
	Actor     string // a user id, or the name of a command
	SessionID string
	Action    string // for a denied access: method and route
	Target    string // id of the object or user acted on
	Detail    string // a permission, or an error code
	Outcome   Outcome
	TraceID   string
	Address   string // of the client
}

// maxText is the maximum length in bytes of each text of an event, since some
// come from clients.
const maxText = 200

// complete returns e with an id and ctx's trace id, and with its texts cleaned.
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

// clean truncates text to maxText and replaces every byte that is not printable
// ASCII by "?", so that it is valid in PostgreSQL and safe on a terminal.
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

// Table is the trail's table. Its partitions are kept for two years.
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

// Insert adds an event in the transaction of the act that it records, so that
// both are committed or neither. It sets the event's id and ctx's trace id.
func Insert(ctx context.Context, tx Execer, e Event) error {
	_, err := tx.Exec(ctx, insert, e.complete(ctx).args()...)
	return err
}
