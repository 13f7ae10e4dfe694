package componenttest

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"testing"
)

// client is an HTTP/1.1 client that allocates nothing for a request, so that a benchmark
// measures the server. It understands only responses with a Content-Length.
type client struct {
	conn   net.Conn
	reader *bufio.Reader
	body   []byte
}

// dial returns a client of the server at address. It is closed when b ends.
func dial(b *testing.B, address string) *client {
	b.Helper()
	conn, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", address)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	return &client{conn: conn, reader: bufio.NewReader(conn), body: make([]byte, 64<<10)}
}

var (
	statusOK      = []byte("HTTP/1.1 200 ")
	contentLength = []byte("Content-Length: ")
)

// do sends a request and returns the body of its response, which the next call
// overwrites. It returns an error if the status is not 200.
func (c *client) do(request []byte) ([]byte, error) {
	if _, err := c.conn.Write(request); err != nil {
		return nil, err
	}
	status, err := c.reader.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(status, statusOK) {
		return nil, fmt.Errorf("got %s", status)
	}
	size := 0
	for {
		header, err := c.reader.ReadSlice('\n')
		if err != nil {
			return nil, err
		}
		header = bytes.TrimRight(header, "\r\n")
		if len(header) == 0 {
			break
		}
		if digits, found := bytes.CutPrefix(header, contentLength); found {
			if size, err = strconv.Atoi(string(digits)); err != nil {
				return nil, err
			}
		}
	}
	_, err = io.ReadFull(c.reader, c.body[:size])
	return c.body[:size], err
}
