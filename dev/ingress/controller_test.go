package ingress_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// controller is the configuration that ingress-nginx generates from the annotations in
// values-dev.yaml.
const controller = `
daemon off;
pid nginx.pid;
error_log stderr crit;
events { worker_connections 64; }
http {
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    server {
        listen 127.0.0.1:%d;
        client_max_body_size 0;
        location / {
            proxy_pass %s;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_request_buffering off;
            proxy_buffering off;
            proxy_read_timeout 30s;
            proxy_next_upstream off;
        }
    }
}
`

// startController runs a controller in front of the ingress at base, and returns its address.
func startController(t *testing.T, base string) string {
	t.Helper()
	port := freePort(t)
	text := fmt.Sprintf(controller, port, base)
	if os.Geteuid() == 0 {
		text = "user root;\n" + text
	}
	return run(t, port, text)
}

// TestControllerForwardsTheEdgesAnswers covers clients that are still sending.
func TestControllerForwardsTheEdgesAnswers(t *testing.T) {
	t.Parallel()
	of := edition{name: "dev", timeout: "1s"}
	base := startController(t, of.start(t, silent(t, "auth-service"), dead(t, "bill-inquiry-service"), app(t, "product-change-service"), app(t, "kos-mock-service")))
	post := func(to string, headers ...string) string {
		return lines(append([]string{"POST " + to + " HTTP/1.1", "Host: a"}, headers...)...)
	}
	chunks := strings.Repeat("40000\r\n"+strings.Repeat("x", 1<<18)+"\r\n", 32) + "0\r\n\r\n"
	for name, test := range map[string]struct {
		request string
		want    failure
	}{
		"no route":                 {post("/api/nowhere", "Content-Length: 0"), failure{404, "NOT_FOUND"}},
		"content length too large": {post(path, "Content-Length: 8388608") + strings.Repeat("x", 8<<20), failure{413, "REQUEST_TOO_LARGE"}},
		"chunked body too large":   {post(path, "Transfer-Encoding: chunked") + chunks, failure{413, "REQUEST_TOO_LARGE"}},
		"app down":                 {post("/api/v1/bills/x", "Content-Length: 0"), failure{502, "SERVICE_UNAVAILABLE"}},
		"slow app":                 {post(path, "Content-Length: 0"), failure{504, "GATEWAY_TIMEOUT"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			response, body := exchange(t, base, test.request)
			test.want.check(t, name, response, body)
		})
	}
}
