// Package openapitest checks HTTP exchanges against OpenAPI documents. Tests use its Transport in
// their client: an answer that deviates from its document fails the test.
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

// Validator contains the operations of one or more documents.
type Validator struct {
	t       testing.TB
	routers []routers.Router
}

// Load parses and validates documents. An invalid document fails the test.
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

// For returns a validator with the same operations for another test, because loading documents is
// slow.
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
	parsed.Servers = nil // any host
	return gorillamux.NewRouter(parsed)
}

// Transport returns a transport that checks the answers of base. A request to an undescribed path
// or method must be answered with 404 or 405.
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

// ErrUndescribed is returned if no document contains the operation.
var ErrUndescribed = errors.New("no document describes this operation")

// Check returns how the status, headers or body of an answer deviate from the document.
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

// bodiless reports whether the operation has an answer of this status without a body, for which
// openapi3filter would accept any body.
func bodiless(operation *openapi3.Operation, status int) bool {
	described := operation.Responses.Status(status)
	return described != nil && len(described.Value.Content) == 0
}

func (v *Validator) find(r *http.Request) (*routers.Route, map[string]string, bool) {
	// The router compares only paths if the request has no host.
	bare := &http.Request{Method: r.Method, URL: &url.URL{Path: r.URL.Path, RawQuery: r.URL.RawQuery}, Header: r.Header}
	for _, router := range v.routers {
		if route, params, err := router.FindRoute(bare); err == nil {
			return route, params, true
		}
	}
	return nil, nil, false
}
