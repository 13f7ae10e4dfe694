package audit

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Filter selects events. Empty fields match all.
type Filter struct {
	Actor, Target, Action string
	Outcome               Outcome
	From, Until           time.Time // From is inclusive, Until exclusive
	// Before selects the events that are older than this cursor. Pages have no
	// offset, so that the last costs no more than the first.
	Before Cursor
	Size   int
}

// Cursor is the position of an event in the trail. The zero value is the position
// after the newest event.
type Cursor struct {
	at time.Time
	id uuid.UUID
}

// CursorOf returns the position of e.
func CursorOf(e Event) Cursor { return Cursor{at: e.At, id: e.ID} }

// String returns the text that ParseCursor parses.
func (c Cursor) String() string {
	return strconv.FormatInt(c.at.UnixMicro(), 10) + "." + c.id.String()
}

// errCursor is returned for a malformed cursor.
var errCursor = errors.New("audit: malformed cursor")

// maxMicros is the end of the year 9999, the last that time.Time marshals to JSON.
const maxMicros = 253_402_300_799_000_000

// ParseCursor parses the text of a cursor; "" is the zero value.
func ParseCursor(text string) (Cursor, error) {
	if text == "" {
		return Cursor{}, nil
	}
	at, id, _ := strings.Cut(text, ".")
	micros, err := strconv.ParseInt(at, 10, 64)
	if err != nil || micros < 0 || micros > maxMicros {
		return Cursor{}, errCursor
	}
	parsed, err := uuid.Parse(id)
	if err != nil {
		return Cursor{}, errCursor
	}
	cursor := Cursor{at: time.UnixMicro(micros).UTC(), id: parsed}
	if cursor.String() != text { // the parsers accept other forms too
		return Cursor{}, errCursor
	}
	return cursor, nil
}

const columns = `event_id, at, actor, session_id, action, target, detail, outcome, trace_id, address`

const list = `
SELECT ` + columns + `
FROM audit_event
WHERE ($1 = '' OR actor = $1)
  AND ($2 = '' OR target = $2)
  AND ($3 = '' OR action = $3)
  AND ($4 = '' OR outcome = $4)
  AND ($5::timestamptz IS NULL OR at >= $5)
  AND ($6::timestamptz IS NULL OR at < $6)
  AND ($7::timestamptz IS NULL OR (at, event_id) < ($7, $8))
ORDER BY at DESC, event_id DESC
LIMIT $9`

// List returns up to f.Size events that match f, newest first.
func List(ctx context.Context, pool *pgxpool.Pool, f Filter) ([]Event, error) {
	rows, err := pool.Query(ctx, list, f.Actor, f.Target, f.Action, string(f.Outcome),
		bound(f.From), bound(f.Until), bound(f.Before.at), f.Before.id, f.Size)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (e Event, err error) {
		err = row.Scan(&e.ID, &e.At, &e.Actor, &e.SessionID, &e.Action, &e.Target, &e.Detail, (*string)(&e.Outcome), &e.TraceID, &e.Address)
		e.At = e.At.UTC()
		return e, err
	})
}

// bound returns t as a query argument: nil if it is zero.
func bound(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
