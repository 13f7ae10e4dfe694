package fuzz

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// Answer is a response.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
	Took   time.Duration
	// Surplus is true if more than one response arrived: the server parsed the request as two.
	Surplus bool
}

// Dial opens a connection to a server.
type Dial func(ctx context.Context) (net.Conn, error)

const (
	// exchangeTimeout bounds one request and its response.
	exchangeTimeout = 20 * time.Second
	// maxUses is the number of requests per connection.
	maxUses = 100
)

// client sends requests over a persistent connection. It is not safe for concurrent use.
type client struct {
	host string
	dial Dial

	conn   net.Conn
	reader *bufio.Reader
	uses   int
}

// do sends a request and reads the response. If the server has closed the idle connection, it
// reconnects and sends the request again.
func (c *client) do(ctx context.Context, r Request) (Answer, error) {
	reused := c.conn != nil
	answer, err := c.exchange(ctx, r)
	if err != nil && reused {
		answer, err = c.exchange(ctx, r)
	}
	return answer, err
}

func (c *client) exchange(ctx context.Context, r Request) (answer Answer, err error) {
	if c.conn == nil {
		if c.conn, err = c.dial(ctx); err != nil {
			return answer, fmt.Errorf("connect: %w", err)
		}
		c.reader, c.uses = bufio.NewReader(c.conn), 0
	}
	defer func() {
		if c.uses++; err != nil || answer.Surplus || c.uses >= maxUses || lasting(r, answer) {
			c.close()
		}
	}()
	start := time.Now()
	if err := c.conn.SetDeadline(start.Add(exchangeTimeout)); err != nil {
		return answer, err
	}
	// A server may answer before it has read the whole request.
	sent := make(chan error, 1)
	conn := c.conn
	go func() {
		_, err := conn.Write(r.Wire(c.host))
		sent <- err
	}()
	answer, err = c.read(r.Method)
	answer.Took = time.Since(start)
	if err != nil {
		c.close() // which also ends the write
		return answer, errors.Join(err, <-sent)
	}
	if len(sent) == 0 { // the request was not sent completely: the connection cannot be reused
		answer.Header.Set("Connection", "close")
	}
	return answer, nil
}

// lasting reports whether the connection must not be reused after the answer.
func lasting(r Request, answer Answer) bool {
	return answer.Header.Get("Connection") == "close" || r.Version != "HTTP/1.1" || answer.Status == http.StatusSwitchingProtocols
}

// read reads a response and skips informational ones such as 100 Continue.
func (c *client) read(method string) (Answer, error) {
	for {
		response, err := http.ReadResponse(c.reader, &http.Request{Method: method})
		if err != nil {
			return Answer{}, fmt.Errorf("read the answer: %w", err)
		}
		if response.StatusCode < http.StatusOK && response.StatusCode != http.StatusSwitchingProtocols {
			continue
		}
		body, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil {
			return Answer{}, fmt.Errorf("read the body of a %d: %w", response.StatusCode, err)
		}
		if response.Close {
			response.Header.Set("Connection", "close")
		}
		return Answer{Status: response.StatusCode, Header: response.Header, Body: body, Surplus: c.reader.Buffered() > 0}, nil
	}
}

func (c *client) close() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}
