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

// builtinErrorListener is a listener that replaces the responses of net/http itself, to requests
// that it cannot parse and so passes to no handler, by the failure envelope.
type builtinErrorListener struct {
	net.Listener

	hsts time.Duration
}

// Accept returns the next connection.
func (l builtinErrorListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return builtinErrorConn{conn, l.hsts}, nil
}

type builtinErrorConn struct {
	net.Conn

	hsts time.Duration
}

// CloseWrite closes the write side, so that the client can read the response before
// net/http closes the connection.
func (c builtinErrorConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// Write replaces p if it is a response of net/http itself, which is a single write.
func (c builtinErrorConn) Write(p []byte) (int, error) {
	if !isBuiltinError(p) {
		return c.Conn.Write(p)
	}
	if _, err := c.Conn.Write(errorResponse(p, c.hsts)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// isBuiltinError reports whether p is an error response of net/http itself. It has
// exactly these two headers, in this order.
func isBuiltinError(p []byte) bool {
	if !bytes.HasPrefix(p, []byte("HTTP/1.1 ")) {
		return false
	}
	_, headers, _ := bytes.Cut(p, []byte("\r\n"))
	return bytes.HasPrefix(headers, []byte("Content-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"))
}

// errorResponse returns the replacement of an error response of net/http. All of them
// become 4xx, even the 501 for an unknown transfer encoding.
func errorResponse(p []byte, hsts time.Duration) []byte {
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
	_ = header.Write(&answer) // never fails
	answer.WriteString("\r\n")
	answer.Write(body)
	return answer.Bytes()
}
