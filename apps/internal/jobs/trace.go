package jobs

import (
	"context"
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.40.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/phonebill/phonebill/apps/internal/telemetry"
)

// member is the member of a job's metadata that has the trace that inserted it.
const member = "traceparent"

// attempt is the number of the attempt, from 1.
const attempt = attribute.Key("phonebill.job.attempt")

// Traced returns the middleware that gives each attempt of a job a span, in the trace that
// has inserted the job. Clients that insert and clients that work need it.
func Traced(tracer trace.Tracer) []rivertype.Middleware {
	return []rivertype.Middleware{&traced{tracer: tracer}}
}

type traced struct {
	river.MiddlewareDefaults

	tracer trace.Tracer
}

var (
	_ rivertype.JobInsertMiddleware = (*traced)(nil)
	_ rivertype.WorkerMiddleware    = (*traced)(nil)
)

// InsertMany implements rivertype.JobInsertMiddleware. All jobs of a trace are of one kind.
func (*traced) InsertMany(
	ctx context.Context, all []*rivertype.JobInsertParams, insert func(context.Context) ([]*rivertype.JobInsertResult, error),
) ([]*rivertype.JobInsertResult, error) {
	ctx, span := telemetry.Start(ctx, "send "+all[0].Kind, trace.SpanKindProducer, semconv.MessagingSystemKey.String("river"),
		semconv.MessagingOperationName("send"), semconv.MessagingOperationTypeSend, semconv.MessagingDestinationName(all[0].Queue))
	defer span.End()
	for _, job := range all {
		if err := annotate(job, telemetry.Traceparent(ctx)); err != nil {
			return nil, err
		}
	}
	return insert(ctx)
}

// annotate adds a trace to the metadata of a job.
func annotate(job *rivertype.JobInsertParams, traceparent string) error {
	if traceparent == "" {
		return nil
	}
	metadata := map[string]jsontext.Value{}
	if len(job.Metadata) > 0 {
		if err := json.Unmarshal(job.Metadata, &metadata); err != nil {
			return fmt.Errorf("metadata of job: %w", err)
		}
	}
	metadata[member] = jsontext.Value(strconv.Quote(traceparent))
	encoded, err := json.Marshal(metadata)
	if err != nil {
		return fmt.Errorf("metadata of job: %w", err)
	}
	job.Metadata = encoded
	return nil
}

// Work implements rivertype.WorkerMiddleware.
func (t *traced) Work(ctx context.Context, job *rivertype.JobRow, work func(context.Context) error) error {
	var metadata struct {
		Traceparent string `json:"traceparent"`
	}
	_ = json.Unmarshal(job.Metadata, &metadata) // without a trace, the span begins one
	ctx, span := t.tracer.Start(telemetry.Continue(ctx, metadata.Traceparent), "process "+job.Kind, trace.WithSpanKind(trace.SpanKindConsumer))
	defer span.End()
	span.SetAttributes(semconv.MessagingSystemKey.String("river"), semconv.MessagingOperationName("process"),
		semconv.MessagingOperationTypeProcess, semconv.MessagingDestinationName(job.Queue),
		semconv.MessagingMessageID(strconv.FormatInt(job.ID, 10)), attempt.Int(job.Attempt))
	err := work(ctx)
	if err != nil {
		telemetry.Fail(span, "job failed")
	}
	return err
}
