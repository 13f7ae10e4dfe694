package httpserver

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"
)

// refusing is a listener for net/http whose own refusals, of what it cannot read
// as a request and so passes to no handler, get the envelope of every other failure.
type refusing struct {
	net.Listener

	hsts time.Duration
}

// Accept returns the next connection.
func (l refusing) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return refusingConn{conn, l.hsts}, nil
}

type refusingConn struct {
	net.Conn

	hsts time.Duration
}

// CloseWrite lets net/http wait until the client has read a refusal.
func (c refusingConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// Write replaces a refusal of net/http, which is a single write.
func (c refusingConn) Write(p []byte) (int, error) {
	if !isRefusal(p) {
		return c.Conn.Write(p)
	}
	if _, err := c.Conn.Write(refusalFor(p, c.hsts)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// isRefusal reports whether net/http writes an answer that no handler has given:
// these two headers alone, in this order.
func isRefusal(p []byte) bool {
	if !bytes.HasPrefix(p, []byte("HTTP/1.1 ")) {
		return false
	}
	_, headers, _ := bytes.Cut(p, []byte("\r\n"))
	return bytes.HasPrefix(headers, []byte("Content-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"))
}

// refusalFor returns the answer in place of one of net/http. What a client sends is
// the client's fault, also if it is a transfer encoding that net/http knows not.
func refusalFor(p []byte, hsts time.Duration) []byte {
	status, code, message := http.StatusBadRequest, "INVALID_REQUEST", "올바르지 않은 요청입니다."
	if bytes.HasPrefix(p, []byte("HTTP/1.1 431 ")) {
		status, code, message = http.StatusRequestHeaderFieldsTooLarge, "HEADER_TOO_LARGE", "요청 헤더가 너무 큽니다."
	}
	trace := make([]byte, 16)
	_, _ = rand.Read(trace) // never fails
	body := fmt.Appendf(nil, `{"success":false,"error":{"code":%q,"message":%q,"traceId":%q},"message":%[2]q}`,
		code, message, hex.EncodeToString(trace))
	header := securityHeaders(hsts)
	header.Set("Content-Type", "application/json; charset=utf-8")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	header.Set("Connection", "close")
	var answer bytes.Buffer
	fmt.Fprintf(&answer, "HTTP/1.1 %d %s\r\n", status, http.StatusText(status))
	_ = header.Write(&answer) // a buffer takes everything
	answer.WriteString("\r\n")
	answer.Write(body)
	return answer.Bytes()
}
