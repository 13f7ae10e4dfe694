package httpjson

import (
	"bytes"
	"sync"
)

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// maxBuffer is the maximum size of a buffer that is kept, in bytes.
const maxBuffer = 64 << 10

// buffer returns an empty buffer, for bodies of requests and responses.
func buffer() *bytes.Buffer {
	b, _ := buffers.Get().(*bytes.Buffer) // always
	return b
}

// release keeps a buffer for the next caller of buffer. Its content is erased: it may be
// personal data.
func release(b *bytes.Buffer) {
	if b.Cap() > maxBuffer {
		return
	}
	clear(b.Bytes())
	b.Reset()
	buffers.Put(b)
}
