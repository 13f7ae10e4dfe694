// Package fuzz generates valid and invalid requests from OpenAPI documents and checks the answers.
// It is deterministic: a seed always yields the same requests, whatever the answers.
package fuzz

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// Request is a raw request, because net/http would correct it or refuse to send it.
type Request struct {
	Method, Target, Version string
	Header                  []Field // in this order
	Body                    []byte  // nil for none
	Chunked                 bool    // the body is sent without a length
}

// Field is a header field. A Host without a value stands for the server's.
type Field struct{ Name, Value string }

// chunkSize is the size of a chunk of a chunked body.
const chunkSize = 1000

// Wire returns the bytes to send.
func (r Request) Wire(host string) []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, "%s %s %s\r\n", r.Method, r.Target, r.Version)
	for _, field := range r.fields(host) {
		fmt.Fprintf(&out, "%s: %s\r\n", field.Name, field.Value)
	}
	out.WriteString("\r\n")
	if !r.Chunked {
		out.Write(r.Body)
		return out.Bytes()
	}
	for rest := r.Body; len(rest) > 0; {
		n := min(chunkSize, len(rest))
		fmt.Fprintf(&out, "%x\r\n%s\r\n", n, rest[:n])
		rest = rest[n:]
	}
	out.WriteString("0\r\n\r\n")
	return out.Bytes()
}

// fields returns the header including the fields for the body.
func (r Request) fields(host string) []Field {
	fields := make([]Field, 0, len(r.Header)+1)
	for _, field := range r.Header {
		if field.Name == "Host" && field.Value == "" {
			field.Value = host
		}
		fields = append(fields, field)
	}
	switch {
	case r.Chunked:
		fields = append(fields, Field{"Transfer-Encoding", "chunked"})
	case r.Body != nil:
		fields = append(fields, Field{"Content-Length", strconv.Itoa(len(r.Body))})
	}
	return fields
}

// maxShown limits the length of a body or a header in a curl command.
const maxShown = 2000

// Curl returns a curl command that sends the request to the server at base, such as
// http://127.0.0.1:8080. Long parts are truncated.
func (r Request) Curl(base string) string {
	words := []string{"curl", "-i", "--path-as-is", "-X", quote(r.Method)}
	if r.Version == "HTTP/1.0" {
		words = append(words, "--http1.0")
	}
	for _, field := range r.Header {
		if field.Name != "Host" || field.Value != "" {
			words = append(words, "-H", quote(field.Name+": "+field.Value))
		}
	}
	if r.Chunked {
		words = append(words, "-H", quote("Transfer-Encoding: chunked"))
	}
	if r.Body != nil {
		words = append(words, "--data-binary", quote(string(r.Body)))
	}
	if strings.HasPrefix(r.Target, "/") {
		return strings.Join(append(words, quote(base+r.Target)), " ")
	}
	return strings.Join(append(words, "--request-target", quote(r.Target), base), " ")
}

// quote returns a text quoted for bash.
func quote(text string) string {
	var out strings.Builder
	out.WriteString("$'")
	for i := range min(len(text), maxShown) {
		switch c := text[i]; {
		case c == '\'' || c == '\\':
			out.WriteString(`\` + string(rune(c)))
		case c < ' ' || c > '~':
			fmt.Fprintf(&out, `\x%02x`, c)
		default:
			out.WriteByte(c)
		}
	}
	out.WriteString("'")
	if len(text) > maxShown {
		fmt.Fprintf(&out, "…(%d bytes)", len(text))
	}
	word := out.String()
	if plain := strings.TrimPrefix(word, "$"); !strings.Contains(word, `\`) {
		return plain
	}
	return word
}
