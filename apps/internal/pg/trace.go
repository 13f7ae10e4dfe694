package pg

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	semconv "go.opentelemetry.io/otel/semconv/v1.40.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/phonebill/phonebill/apps/internal/telemetry"
)

// tracer records a span for each statement, batch and COPY in a sampled trace. It does not
// record arguments and texts of errors, which may contain personal data. Statements that
// no trace has caused, such as those that poll, get no span.
type tracer struct{ database string }

var (
	_ pgx.QueryTracer    = tracer{}
	_ pgx.BatchTracer    = tracer{}
	_ pgx.CopyFromTracer = tracer{}
)

// TraceQueryStart implements pgx.QueryTracer.
func (t tracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	return t.start(ctx, func() string { return summary(data.SQL) }, 0)
}

// TraceQueryEnd implements pgx.QueryTracer.
func (tracer) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryEndData) {
	end(ctx, data.Err)
}

// TraceBatchStart implements pgx.BatchTracer. A batch is named by its first statements.
func (t tracer) TraceBatchStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	return t.start(ctx, func() string {
		var names []string
		for _, queued := range data.Batch.QueuedQueries[:min(namedStatements, data.Batch.Len())] {
			names = append(names, summary(queued.SQL))
		}
		return "BATCH " + strings.Join(names, "; ")
	}, data.Batch.Len())
}

// namedStatements is how many statements of a batch name it.
const namedStatements = 4

// TraceBatchQuery implements pgx.BatchTracer.
func (tracer) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd implements pgx.BatchTracer.
func (tracer) TraceBatchEnd(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchEndData) {
	end(ctx, data.Err)
}

// TraceCopyFromStart implements pgx.CopyFromTracer.
func (t tracer) TraceCopyFromStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceCopyFromStartData) context.Context {
	return t.start(ctx, func() string { return "COPY " + strings.Join(data.TableName, ".") }, 0)
}

// TraceCopyFromEnd implements pgx.CopyFromTracer.
func (tracer) TraceCopyFromEnd(ctx context.Context, _ *pgx.Conn, data pgx.TraceCopyFromEndData) {
	end(ctx, data.Err)
}

// start starts a span of one statement, or of a batch of that many.
func (t tracer) start(ctx context.Context, name func() string, batch int) context.Context {
	if !trace.SpanContextFromContext(ctx).IsSampled() {
		return ctx
	}
	summary := name()
	ctx, span := telemetry.Start(ctx, summary, trace.SpanKindClient, semconv.DBSystemNamePostgreSQL,
		semconv.DBNamespace(t.database), semconv.DBQuerySummary(summary))
	if batch > 1 {
		span.SetAttributes(semconv.DBOperationBatchSize(batch))
	}
	return ctx
}

// end ends the span of start. If start has started none, ctx's span belongs to an untraced
// request, and the calls have no effect.
func end(ctx context.Context, err error) {
	span := trace.SpanFromContext(ctx)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		telemetry.Fail(span, errorType(err))
		if fault, ok := errors.AsType[*pgconn.PgError](err); ok {
			span.SetAttributes(semconv.DBResponseStatusCode(fault.Code))
		}
	}
	span.End()
}

func errorType(err error) string {
	fault, ok := errors.AsType[*pgconn.PgError](err)
	switch {
	case ok:
		return fault.Code
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, context.Canceled):
		return "canceled"
	}
	return "connection"
}

var (
	commentPattern = regexp.MustCompile(`--[^\n]*`)
	writePattern   = regexp.MustCompile(`(?i)\b(INSERT)\s+INTO\s+(\w+)|\b(DELETE)\s+FROM\s+(\w+)|\b(UPDATE)\s+(\w+)\s+(?:\w+\s+)?SET\b`)
	readPattern    = regexp.MustCompile(`(?i)\bFROM\s+([a-z_]\w*)`)
	wordPattern    = regexp.MustCompile(`\w+`)
)

// summaries holds the summaries of statements, which are constants.
var summaries sync.Map

// summary returns the operation of a statement and its table, such as "UPDATE kos_queue",
// which is the first that it writes, or else reads.
func summary(sql string) string {
	known, _ := summaries.Load(sql)
	text, ok := known.(string)
	if !ok {
		text = summarize(sql)
		summaries.Store(sql, text)
	}
	return text
}

func summarize(sql string) string {
	sql = commentPattern.ReplaceAllString(sql, "")
	if found := writePattern.FindStringSubmatch(sql); found != nil {
		return strings.TrimSpace(strings.ToUpper(found[1]+found[3]+found[5]) + " " + found[2] + found[4] + found[6])
	}
	word := strings.ToUpper(wordPattern.FindString(sql))
	if word == "WITH" {
		word = "SELECT"
	}
	if word != "SELECT" {
		return word // BEGIN, COMMIT and the like
	}
	if found := readPattern.FindStringSubmatch(sql); found != nil {
		return word + " " + found[1]
	}
	return word
}
