// Package openapitest checks HTTP exchanges against OpenAPI documents. Tests
// put its Transport under their client: an answer that its document does not
// describe fails the test.
package openapitest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// Validator knows the operations of one or more documents.
type Validator struct {
	t       testing.TB
	routers []routers.Router
}

// Load reads and validates documents. A document that is not valid OpenAPI
// fails the test.
func Load(t testing.TB, documents ...[]byte) *Validator {
	t.Helper()
	v := &Validator{t: t}
	for _, document := range documents {
		router, err := load(document)
		if err != nil {
			t.Fatalf("openapitest: %v", err)
		}
		v.routers = append(v.routers, router)
	}
	return v
}

// For returns a validator that knows the same operations and reports to another
// test: reading documents takes longer than most tests.
func (v *Validator) For(t testing.TB) *Validator {
	t.Helper()
	return &Validator{t: t, routers: v.routers}
}

func load(document []byte) (routers.Router, error) {
	loader := openapi3.NewLoader()
	parsed, err := loader.LoadFromData(document)
	if err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	if err := parsed.Validate(loader.Context); err != nil {
		return nil, fmt.Errorf("validate: %w", err)
	}
	parsed.Servers = nil // whatever host a test runs it on
	return gorillamux.NewRouter(parsed)
}

// Transport returns a transport that checks what base answers. A request to a
// path or method that no document has must be answered with 404 or 405.
func (v *Validator) Transport(base http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		resp, err := base.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil {
			return nil, err
		}
		resp.Body = io.NopCloser(bytes.NewReader(body))
		if err := v.Check(r, resp, body); err != nil {
			v.t.Errorf("openapitest: %s %s answered %d: %v\n%s", r.Method, r.URL.Path, resp.StatusCode, err, body)
		}
		return resp, nil
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// ErrUndescribed says that no document has the operation that was answered.
var ErrUndescribed = errors.New("no document describes this operation")

// Check returns what is wrong with an answer: its status, headers or body are not
// what the document of the operation describes.
func (v *Validator) Check(r *http.Request, resp *http.Response, body []byte) error {
	route, params, found := v.find(r)
	if !found {
		if resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusMethodNotAllowed {
			return nil
		}
		return ErrUndescribed
	}
	if len(body) > 0 && bodiless(route.Operation, resp.StatusCode) {
		return errors.New("the document describes no body")
	}
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route},
		Status:                 resp.StatusCode,
		Header:                 resp.Header,
		Options:                &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true},
	}
	return openapi3filter.ValidateResponse(r.Context(), input.SetBodyBytes(body))
}

// bodiless reports whether operation has an answer of this status, and it has
// no body: openapi3filter would let any body pass.
func bodiless(operation *openapi3.Operation, status int) bool {
	described := operation.Responses.Status(status)
	return described != nil && len(described.Value.Content) == 0
}

func (v *Validator) find(r *http.Request) (*routers.Route, map[string]string, bool) {
	// The router compares paths only if the request has no host of its own.
	bare := &http.Request{Method: r.Method, URL: &url.URL{Path: r.URL.Path, RawQuery: r.URL.RawQuery}, Header: r.Header}
	for _, router := range v.routers {
		if route, params, err := router.FindRoute(bare); err == nil {
			return route, params, true
		}
	}
	return nil, nil, false
}
