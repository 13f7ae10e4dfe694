package pg_test

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/phonebill/phonebill/apps/internal/pgtest"
	"github.com/phonebill/phonebill/apps/internal/spantest"
)

// TestSpansOfStatements checks the spans of all kinds of statements. They have neither arguments
// nor texts of errors, in which PostgreSQL quotes arguments.
func TestSpansOfStatements(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t, tables)
	pool := open(t, database.Config, passwordOf(database))
	const personal = "01012345678"
	exec := func(sql string, args ...any) func(context.Context) {
		return func(ctx context.Context) { _, _ = pool.Exec(ctx, sql, args...) }
	}
	for name, tc := range map[string]struct {
		do   func(ctx context.Context)
		want string // attributes besides those that all have
	}{
		"SELECT customer": {exec("SELECT line FROM customer WHERE line = $1", personal), ""},
		"COPY note": {func(ctx context.Context) {
			_, _ = pool.CopyFrom(ctx, pgx.Identifier{"note"}, []string{"text"}, pgx.CopyFromRows([][]any{{personal}}))
		}, ""},
		"BATCH INSERT customer; SELECT note": {func(ctx context.Context) {
			batch := &pgx.Batch{}
			batch.Queue("INSERT INTO customer VALUES (1, $1)", personal)
			batch.Queue("SELECT text FROM note WHERE text = $1", personal)
			_ = pool.SendBatch(ctx, batch).Close()
		}, " db.operation.batch.size=2"},
		"SELECT":        {exec("SELECT $1::text::boolean", personal), " error.type=22P02 db.response.status_code=22P02"},
		"DELETE absent": {exec("DELETE FROM absent WHERE a = $1", personal), " error.type=42P01 db.response.status_code=42P01"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spans := spantest.New(t)
			ctx, request := spans.Tracer.Start(t.Context(), "request")
			tc.do(ctx)
			request.End()
			span := spans.Find(name)
			want := "db.system.name=postgresql db.namespace=" + database.Config.Name + " db.query.summary=" + name + tc.want
			if got := spantest.Attributes(span); got != want || span.Parent().SpanID() != request.SpanContext().SpanID() {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			if strings.Contains(spans.String(), personal) {
				t.Errorf("personal data in %s", spans)
			}
		})
	}
}
