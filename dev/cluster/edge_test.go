package cluster

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestEdgeAnswersInTheEnvelope calls the edge directly, bypassing any ingress controller:
// answers of a service, and the edge's own.
func TestEdgeAnswersInTheEnvelope(t *testing.T) {
	allSettled(t)
	status, body := send(request(http.MethodGet, address(edge)+"/api/v1/auth/verify", "", ""))
	failure{http.StatusUnauthorized, ""}.check(t, "a service", status, body)
	for path, want := range map[string]string{"/nowhere": "NOT_FOUND", "/api/": "NOT_FOUND", "/ready": "NOT_FOUND", "/actuator/health": "NOT_FOUND"} {
		status, body := send(request(http.MethodGet, address(edge)+path, "", ""))
		failure{http.StatusNotFound, want}.check(t, path, status, body)
	}
	if status, body := send(request(http.MethodGet, address(edge)+"/", "", "")); status != http.StatusOK || !strings.HasPrefix(body, "<!doctype html>") {
		t.Errorf("the portal answers %d: %.200s", status, body)
	}
	const post = "POST /api/v1/auth/login HTTP/1.1\r\nHost: a\r\n"
	status, body = raw(t, post+"Content-Length: 1048577\r\n\r\n")
	failure{http.StatusRequestEntityTooLarge, "REQUEST_TOO_LARGE"}.check(t, "body too large", status, body)
	status, body = raw(t, post+"Content-Length: x\r\n\r\n")
	failure{http.StatusBadRequest, "INVALID_REQUEST"}.check(t, "no HTTP", status, body)
}

// TestEdgeSurvivesAServiceOutage removes the pods of a service. The edge answers if the Service
// refuses connections, and after a timeout if it is silent.
func TestEdgeSurvivesAServiceOutage(t *testing.T) {
	allSettled(t)
	mock := func() (int, string) {
		return send(request(http.MethodGet, address(edge)+"/api/v1/kos/mock-datas", "", ""))
	}
	t.Cleanup(func() {
		mustKubectl(t, "scale", "deployment/"+kosMock, fmt.Sprintf("--replicas=%d", leastReplicas))
		allSettled(t)
		await(t, time.Minute, "the edge finds "+kosMock+" again", func() error {
			if status, body := mock(); status == 0 || status >= http.StatusInternalServerError {
				return fmt.Errorf("%d %s", status, body)
			}
			return nil
		})
	})
	mustKubectl(t, "scale", "deployment/"+kosMock, "--replicas=0")
	var status int
	var body string
	await(t, 3*time.Minute, kosMock+" is gone for the edge", func() error {
		if status, body = mock(); status != http.StatusBadGateway && status != http.StatusGatewayTimeout {
			return fmt.Errorf("%d %s", status, body)
		}
		return nil
	})
	want := map[int]string{http.StatusBadGateway: "SERVICE_UNAVAILABLE", http.StatusGatewayTimeout: "GATEWAY_TIMEOUT"}[status]
	failure{status, want}.check(t, "a service without pods", status, body)
}

// failure is an expected refusal; an empty code is not checked.
type failure struct {
	status int
	code   string
}

// check checks an answer and its envelope.
func (want failure) check(t *testing.T, what string, status int, body string) {
	t.Helper()
	var envelope struct {
		Success *bool
		Error   struct{ Code, Message, TraceID string }
		Message string
	}
	err := json.Unmarshal([]byte(body), &envelope)
	if err != nil || envelope.Success == nil || *envelope.Success || len(envelope.Error.TraceID) != 32 || envelope.Message != envelope.Error.Message {
		t.Errorf("%s: %d with no envelope (%v): %.200s", what, status, err, body)
	}
	if status != want.status || want.code != "" && envelope.Error.Code != want.code {
		t.Errorf("%s: %d %s, want %d %s", what, status, envelope.Error.Code, want.status, want.code)
	}
}

// raw sends raw bytes to the edge and returns its answer.
func raw(t *testing.T, text string) (status int, body string) {
	t.Helper()
	var dialer net.Dialer
	conn, err := dialer.DialContext(t.Context(), "tcp", endpoint(edge))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(15 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, strings.TrimSpace(string(content))
}
