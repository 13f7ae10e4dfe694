package portal

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

// customer uses the pages without a browser: forms and links, no script.
type customer struct {
	t      testing.TB
	client *http.Client
	agent  string // the User-Agent, if not that of net/http
	page   string // the last page
	path   string // its path
}

// newCustomer returns the nth customer, with an address of its own, because log-ins are throttled
// by address.
func newCustomer(t testing.TB, n int) *customer {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 3, byte(n>>8), byte(n))}}
	transport := &http.Transport{DialContext: dialer.DialContext}
	t.Cleanup(transport.CloseIdleConnections)
	return &customer{t: t, client: &http.Client{Transport: transport, Jar: jar, Timeout: patience}}
}

// get opens a page.
func (c *customer) get(path string) {
	c.t.Helper()
	c.read(http.NewRequestWithContext(c.t.Context(), http.MethodGet, base+path, http.NoBody))
}

// post sends a form.
func (c *customer) post(path string, form url.Values) {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, base+path, strings.NewReader(form.Encode()))
	if err == nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	c.read(r, err)
}

func (c *customer) read(r *http.Request, err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html")
	if c.agent != "" {
		r.Header.Set("User-Agent", c.agent)
	}
	resp, err := c.client.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		c.t.Fatalf("%s %s: %d %v\n%s", r.Method, r.URL.Path, resp.StatusCode, err, body)
	}
	c.page, c.path = string(body), resp.Request.URL.Path
}

// find returns the group of a pattern in the page.
func (c *customer) find(pattern string) string {
	c.t.Helper()
	found := regexp.MustCompile(pattern).FindStringSubmatch(c.page)
	if found == nil {
		c.t.Fatalf("%s: no %s\n%s", c.path, pattern, c.page)
	}
	return found[1]
}

func (c *customer) field(name string) string {
	c.t.Helper()
	return c.find(fmt.Sprintf(`name="%s" value="([^"]*)"`, name))
}

// login logs in.
func (c *customer) login(user string) {
	c.t.Helper()
	c.get("/login")
	c.post("/login", url.Values{"form_token": {c.field("form_token")}, "userId": {user}, "password": {password}})
	if c.path != "/" {
		c.t.Fatalf("%s: log-in leads to %s\n%s", user, c.path, c.page)
	}
}

// order opens the page of the first plan, and returns the form that changes to it with its action.
func (c *customer) order() (form url.Values, action string) {
	c.t.Helper()
	c.await("/plans", `<ul class="offers">`)
	c.await(c.find(`<a class="button primary" href="(/plans/[^"]+)"`), `name="confirm"`)
	form = url.Values{"confirm": {"1"}}
	for _, name := range []string{"form_token", "key", "current"} {
		form.Set(name, c.field(name))
	}
	return form, c.find(`action="(/plans/[^"]+/change)"`)
}

// await opens a page until it has a text, as it does by itself.
func (c *customer) await(path, text string) {
	c.t.Helper()
	deadline := time.Now().Add(patience)
	for c.get(path); !strings.Contains(c.page, text); c.get(path) {
		if time.Now().After(deadline) {
			c.t.Fatalf("%s: no %s\n%s", path, text, c.page)
		}
	}
}
