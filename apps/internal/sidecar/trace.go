package sidecar

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	semconv "go.opentelemetry.io/otel/semconv/v1.40.0"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	"github.com/phonebill/phonebill/apps/internal/telemetry"
)

// traceCalls records a span for each call of the sidecar's gRPC API. It does not record
// the requests: keys of states are personal data.
func traceCalls() grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		name := strings.TrimPrefix(method, "/")
		ctx, span := telemetry.Start(ctx, name, trace.SpanKindClient)
		defer span.End()
		err := invoke(ctx, method, req, reply, cc, opts...)
		if span.IsRecording() {
			code := status.Code(err).String()
			span.SetAttributes(semconv.RPCSystemNameGRPC, semconv.RPCMethod(name), semconv.RPCResponseStatusCode(code))
			if err != nil {
				telemetry.Fail(span, code)
			}
		}
		return err
	}
}

// traceInvocation records a span of a call of an app. Its name has the pattern of r, if that
// is set: paths and queries may contain personal data.
func traceInvocation(app string, r *http.Request, call func(r *http.Request) (*http.Response, error)) (*http.Response, error) {
	ctx, span := telemetry.Start(r.Context(), r.Method, trace.SpanKindClient)
	defer span.End()
	resp, err := call(r.WithContext(ctx))
	if !span.IsRecording() {
		return resp, err
	}
	span.SetName(r.Method + " " + cmp.Or(r.Pattern, app))
	span.SetAttributes(semconv.HTTPRequestMethodKey.String(r.Method), semconv.ServerAddress(app), semconv.ServicePeerName(app))
	if r.Pattern != "" {
		span.SetAttributes(semconv.URLTemplate(r.Pattern))
	}
	if failed, ok := errors.AsType[*InvokeError](err); ok {
		telemetry.Fail(span, string(failed.Reason))
	} else if resp != nil {
		span.SetAttributes(semconv.HTTPResponseStatusCode(resp.StatusCode))
		if resp.StatusCode >= http.StatusBadRequest {
			telemetry.Fail(span, strconv.Itoa(resp.StatusCode))
		}
	}
	return resp, err
}
