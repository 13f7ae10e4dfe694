package sidecar

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/phonebill/phonebill/apps/internal/spantest"
)

const personal = "01012345678"

func TestSpanOfACall(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		err  error
		want string
	}{
		"answered": {nil, "rpc.system.name=grpc rpc.method=dapr.proto.runtime.v1.Dapr/GetState rpc.response.status_code=OK"},
		"failed": {status.Error(codes.Internal, "no "+personal),
			"rpc.system.name=grpc rpc.method=dapr.proto.runtime.v1.Dapr/GetState rpc.response.status_code=Internal error.type=Internal"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spans := spantest.New(t)
			ctx, request := spans.Tracer.Start(t.Context(), "request")
			err := traceCalls()(ctx, "/dapr.proto.runtime.v1.Dapr/GetState", personal, nil, nil,
				func(context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption) error { return tc.err })
			request.End()
			if !errors.Is(err, tc.err) {
				t.Errorf("returned %v", err)
			}
			span := spans.Find("dapr.proto.runtime.v1.Dapr/GetState")
			if got := spantest.Attributes(span); got != tc.want || span.Parent().SpanID() != request.SpanContext().SpanID() {
				t.Errorf("attributes %s", got)
			}
			if strings.Contains(spans.String(), personal) {
				t.Errorf("personal data in %s", spans)
			}
		})
	}
}

func TestSpanOfAnInvocation(t *testing.T) {
	t.Parallel()
	answer := func(status int) (*http.Response, error) {
		return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(personal))}, nil
	}
	for name, tc := range map[string]struct {
		pattern string
		call    func() (*http.Response, error)
		want    string // name and attributes
	}{
		"answered": {"/users/{id}", func() (*http.Response, error) { return answer(http.StatusOK) },
			"POST /users/{id}: http.request.method=POST server.address=kos service.peer.name=kos url.template=/users/{id} http.response.status_code=200"},
		"refused": {"", func() (*http.Response, error) { return answer(http.StatusNotFound) },
			"POST kos: http.request.method=POST server.address=kos service.peer.name=kos http.response.status_code=404 error.type=404"},
		"not called": {"", func() (*http.Response, error) {
			return nil, &InvokeError{App: "kos", Reason: BreakerOpen, Cause: errors.New("no " + personal)}
		}, "POST kos: http.request.method=POST server.address=kos service.peer.name=kos error.type=breaker open"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spans := spantest.New(t)
			ctx, request := spans.Tracer.Start(t.Context(), "request")
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://kos/users/"+personal+"?line="+personal, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			r.Pattern = tc.pattern
			resp, _ := traceInvocation("kos", r, func(*http.Request) (*http.Response, error) { return tc.call() })
			if resp != nil {
				_ = resp.Body.Close()
			}
			request.End()
			spanName, _, _ := strings.Cut(tc.want, ": ")
			if got := spanName + ": " + spantest.Attributes(spans.Find(spanName)); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
			if strings.Contains(spans.String(), personal) {
				t.Errorf("personal data in %s", spans)
			}
		})
	}
}
