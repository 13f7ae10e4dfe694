package jobs_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/riverqueue/river/rivertype"

	"github.com/phonebill/phonebill/apps/internal/jobs"
	"github.com/phonebill/phonebill/apps/internal/spantest"
	"github.com/phonebill/phonebill/apps/internal/telemetry"
)

// TestJobContinuesTheTraceThatInsertedIt passes a job from one process to another.
func TestJobContinuesTheTraceThatInsertedIt(t *testing.T) {
	t.Parallel()
	spans := spantest.New(t)
	middleware := jobs.Traced(spans.Tracer)[0]
	ctx, request := spans.Tracer.Start(t.Context(), "request")
	params := &rivertype.JobInsertParams{Kind: "announce", Queue: "events", Metadata: []byte(`{"kept":true}`)}
	_, err := middleware.(rivertype.JobInsertMiddleware).InsertMany(ctx, []*rivertype.JobInsertParams{params},
		func(context.Context) ([]*rivertype.JobInsertResult, error) { return nil, nil })
	request.End()
	if err != nil {
		t.Fatal(err)
	}
	var metadata map[string]any
	if err := json.Unmarshal(params.Metadata, &metadata); err != nil || metadata["kept"] != true {
		t.Fatalf("metadata %s: %v", params.Metadata, err)
	}

	inside := ""
	failed := errors.New("no 01012345678")
	job := &rivertype.JobRow{ID: 7, Kind: "announce", Queue: "events", Attempt: 2, Metadata: params.Metadata}
	err = middleware.(rivertype.WorkerMiddleware).Work(t.Context(), job, func(ctx context.Context) error {
		inside = telemetry.TraceID(ctx)
		return failed
	})
	sent, processed := spans.Find("send announce"), spans.Find("process announce")
	if !errors.Is(err, failed) || inside != request.SpanContext().TraceID().String() {
		t.Errorf("worked in trace %q: %v", inside, err)
	}
	if processed.Parent().SpanID() != sent.SpanContext().SpanID() || sent.Parent().SpanID() != request.SpanContext().SpanID() {
		t.Error("the spans are not parent and child")
	}
	const want = "messaging.system=river messaging.operation.name=process messaging.operation.type=process " +
		"messaging.destination.name=events messaging.message.id=7 phonebill.job.attempt=2 error.type=job failed"
	if got := spantest.Attributes(processed); got != want || strings.Contains(spans.String(), "01012345678") {
		t.Errorf("attributes %s\nof %s", got, spans)
	}
}

// TestJobWithoutATraceBeginsOne inserts a job as River does with periodic ones.
func TestJobWithoutATraceBeginsOne(t *testing.T) {
	t.Parallel()
	spans := spantest.New(t)
	middleware := jobs.Traced(spans.Tracer)[0]
	params := &rivertype.JobInsertParams{Kind: "clean", Metadata: []byte("{}")}
	_, err := middleware.(rivertype.JobInsertMiddleware).InsertMany(t.Context(), []*rivertype.JobInsertParams{params},
		func(context.Context) ([]*rivertype.JobInsertResult, error) { return nil, nil })
	if err != nil || string(params.Metadata) != "{}" {
		t.Errorf("metadata %s: %v", params.Metadata, err)
	}
	job := &rivertype.JobRow{Kind: "clean", Metadata: params.Metadata}
	if err := middleware.(rivertype.WorkerMiddleware).Work(t.Context(), job, func(context.Context) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if span := spans.Find("process clean"); span.Parent().IsValid() {
		t.Errorf("parent %+v", span.Parent())
	}
}
