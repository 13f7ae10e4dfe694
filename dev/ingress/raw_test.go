package ingress_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/phonebill/phonebill/dev/internal/runfile"
)

// exchange sends a raw request and returns the response.
func exchange(t *testing.T, base, request string) (*http.Response, string) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	go func() { _, _ = io.WriteString(conn, request) }() // nginx may stop reading
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	method, _, _ := strings.Cut(request, " ")
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%.80q: %v", request, err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("%.80q: %v", request, err)
	}
	return response, string(body)
}

// lines joins the lines of a request with CRLF.
func lines(all ...string) string { return strings.Join(all, "\r\n") + "\r\n\r\n" }

const path = "/api/v1/auth/x"

// TestRawRequestsAreRefusedWithTheEnvelope sends invalid requests byte for byte. None may be
// answered 5xx.
func TestRawRequestsAreRefusedWithTheEnvelope(t *testing.T) {
	t.Parallel()
	everyEdition(t, testRawRequests)
}

func testRawRequests(t *testing.T, of edition) {
	t.Helper()
	base := of.start(t, app(t, "auth-service"), app(t, "bill-inquiry-service"), app(t, "product-change-service"), app(t, "kos-mock-service"))
	get := func(target string) string { return lines("GET "+target+" HTTP/1.1", "Host: a") }
	post := func(headers ...string) string {
		return lines(append([]string{"POST " + path + " HTTP/1.1", "Host: a"}, headers...)...)
	}
	invalid, method := failure{400, "INVALID_REQUEST"}, failure{405, "METHOD_NOT_ALLOWED"}
	long, large := failure{414, "URI_TOO_LONG"}, failure{431, "HEADER_TOO_LARGE"}
	for want, requests := range map[failure][]string{
		invalid: {
			// The request line.
			lines("hello"), lines("GET"), lines(" GET " + path + " HTTP/1.1"), "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
			get(path + " y"), get("*"), get("x"), get("http:///x"), lines("OPTIONS * HTTP/1.1", "Host: a"),
			lines("get "+path+" HTTP/1.1", "Host: a"), lines("G@T "+path+" HTTP/1.1", "Host: a"), lines("CONNECT a:443 HTTP/1.1", "Host: a:443"),
			// The version.
			lines("GET "+path+" HTTX/1.1", "Host: a"), lines("GET "+path+" HTTP/0.9", "Host: a"), lines("GET "+path+" HTTP/2.0", "Host: a"),
			lines("GET "+path+" HTTP/3.0", "Host: a"), lines("GET "+path+" HTTP/9.9", "Host: a"), lines("PRI * HTTP/2.0", "", "SM"),
			// The path.
			get(path + "%zz"), get(path + "%"), get(path + "%4"), get(path + "%00"), get(path + "\x00"), get(path + "\x01"), get(path + "\x7f"),
			get(path + "?a=\x01"), get("/../x"), get(path + "/../../../../../x"),
			// The host.
			lines("GET " + path + " HTTP/1.1"), lines("GET "+path+" HTTP/1.1", "Host:"), lines("GET "+path+" HTTP/1.0", "Host:"),
			lines("GET "+path+" HTTP/1.1", "Host: a", "Host: b"), lines("GET "+path+" HTTP/1.1", "Host: a b"),
			lines("GET "+path+" HTTP/1.1", "Host: ../x"), lines("GET "+path+" HTTP/1.1", "Host: a\x01b"),
			// Headers.
			post("X: a\x00b"), post("X Y: b"), post(": b"), post(" folded"), lines("POST "+path+" HTTP/1.1", "Host : a"),
			// The length and the encoding of the body.
			post("Content-Length: -1"), post("Content-Length: x"), post("Content-Length: 99999999999999999999"),
			post("Content-Length: 1", "Content-Length: 2"), post("Content-Length: 1", "Transfer-Encoding: chunked"),
			post("Transfer-Encoding: gzip"), post("Transfer-Encoding: gzip, chunked"),
			lines("POST "+path+" HTTP/1.0", "Host: a", "Transfer-Encoding: chunked"),
			post("Transfer-Encoding: chunked") + "zz\r\n", post("Transfer-Encoding: chunked") + "-1\r\n",
			post("Transfer-Encoding: chunked") + "3\r\nabcdef\r\n0\r\n\r\n",
		},
		method: {lines("TRACE "+path+" HTTP/1.1", "Host: a"), lines("CONNECT "+path+" HTTP/1.1", "Host: a")},
		long:   {get(path + strings.Repeat("x", 9000))},
		large: {
			post("X: " + strings.Repeat("x", 9000)), post(strings.Repeat("X: "+strings.Repeat("y", 4000)+"\r\n", 12) + "Y: z"),
			post(strings.Repeat("X: y\r\n", 8000) + "Y: z"),
		},
		{413, "REQUEST_TOO_LARGE"}: {
			post("Content-Length: 1048577"),
			post("Transfer-Encoding: chunked") + strings.Repeat("40000\r\n"+strings.Repeat("x", 1<<18)+"\r\n", 5) + "0\r\n\r\n",
		},
		{404, "NOT_FOUND"}: {
			get("/api/"), lines("POST /api/nowhere HTTP/1.1", "Host: a", "Content-Length: 2") + "{}", lines("OPTIONS /api/nowhere HTTP/1.1", "Host: a"),
			lines("FOO /api/nowhere HTTP/1.1", "Host: a"), lines("GET /api/nowhere HTTP/1.0"),
			lines("GET /api/nowhere HTTP/1.1", "Host: a", "Range: bytes=9-1", `If-Match: "x"`, "If-Unmodified-Since: Mon, 01 Jan 2001 00:00:00 GMT"),
			lines("GET /api/nowhere HTTP/1.1", "Host: a", "Upgrade: h2c", "Connection: Upgrade"),
		},
	} {
		for _, request := range requests {
			t.Run(fmt.Sprintf("%d %.60q", want.status, request), func(t *testing.T) {
				t.Parallel()
				response, body := exchange(t, base, request)
				want.check(t, request[:min(80, len(request))], response, body)
			})
		}
	}
}

// TestUnusualRequestsReachTheApp sends unusual but valid requests, which the app answers. None of them
// forwards the client's Host.
func TestUnusualRequestsReachTheApp(t *testing.T) {
	t.Parallel()
	everyEdition(t, testOddRequests)
}

func testOddRequests(t *testing.T, of edition) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprint(w, r.Host, " ", r.Method)
	}))
	t.Cleanup(server.Close)
	base := of.start(t, runfile.App{ID: "auth-service", Port: portOf(t, server.URL)},
		dead(t, "bill-inquiry-service"), dead(t, "product-change-service"), dead(t, "kos-mock-service"))
	for _, request := range []string{
		lines("GET " + path + " HTTP/1.0"), lines("GET "+path+" HTTP/1.1", "Host: a@b"), lines("GET "+path+" HTTP/1.1", "Host: a{b}"),
		lines("GET "+path+" HTTP/1.1", "Host: 한글"), lines("GET "+path+" HTTP/1.1", `Host: a"<>`), lines("GET "+path+" HTTP/1.1", "Host: [::1"),
		lines("GET "+path+" HTTP/1.1", "Host: a:99999"), lines("GET http://other.example"+path+" HTTP/1.1", "Host: a"),
		lines("GET "+path+" HTTP/1.2", "Host: a"), lines("GET "+path+"?a=%zz HTTP/1.1", "Host: a"), lines("GET "+path+"한글 HTTP/1.1", "Host: a"),
		lines("GET "+path+" HTTP/1.1", "Host: a", "X@Y: b"), lines("GET "+path+" HTTP/1.1", "Host: a", "X"),
		lines("POST "+path+" HTTP/1.1", "Host: a", "Expect: nonsense", "Content-Length: 0"), lines("FOO "+path+" HTTP/1.1", "Host: a"),
	} {
		t.Run(strings.TrimSpace(request), func(t *testing.T) {
			method, _, _ := strings.Cut(request, " ")
			response, body := exchange(t, base, request)
			if want := "auth-service " + method; response.StatusCode != http.StatusOK || body != want {
				t.Errorf("%.60q: %d %q, want %q", request, response.StatusCode, body, want)
			}
		})
	}
}
