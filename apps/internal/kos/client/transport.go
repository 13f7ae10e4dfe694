package client

import (
	"fmt"
	"net/http"
	"path"
	"regexp"
	"strings"
)

// placeholder stands for the endpoint in an app-id.
const placeholder = "{endpoint}"

// appIDPattern matches app-ids, with or without the placeholder.
var appIDPattern = regexp.MustCompile(`^[a-z0-9-]*(\{endpoint\})?[a-z0-9-]*$`)

// Validate returns an error unless AppID is an app-id.
func (c *Config) Validate() error {
	if c.AppID == "" || !appIDPattern.MatchString(c.AppID) {
		return fmt.Errorf("KOS_APP_ID must be an app-id, which may have %s once", placeholder)
	}
	return nil
}

// Transport returns a transport that sends each request to the app of its endpoint, with
// the transport that invoker returns for an app-id.
func (c *Config) Transport(invoker func(appID string) http.RoundTripper) http.RoundTripper {
	return router{pattern: c.AppID, invoker: invoker}
}

type router struct {
	pattern string
	invoker func(appID string) http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t router) RoundTrip(r *http.Request) (*http.Response, error) {
	return t.invoker(strings.Replace(t.pattern, placeholder, path.Base(r.URL.Path), 1)).RoundTrip(r)
}
