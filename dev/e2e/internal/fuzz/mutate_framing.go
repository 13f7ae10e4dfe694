package fuzz

import "math/rand/v2"

// framingMutations change the framing of the request.
var framingMutations = []Mutation{
	{name: "other method", weight: 4, apply: func(r *rand.Rand, d *draft) {
		d.method = pick(r, []string{"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
	}},
	{name: "unknown method", weight: 1, apply: func(r *rand.Rand, d *draft) {
		d.method = pick(r, []string{"FOO", "PROPFIND", "LINK", "GETX", "QUERY", "PURGE"})
	}},
	{name: "body in chunks", weight: 3, needs: hasBody, apply: func(_ *rand.Rand, d *draft) { d.chunked = true }},
	{name: "wait for 100", weight: 0.5, needs: hasBody, apply: func(r *rand.Rand, d *draft) {
		d.set("Expect", pick(r, []string{"100-continue", "100-Continue", "x"}))
	}},
	{name: "connection options", weight: 1, apply: func(r *rand.Rand, d *draft) {
		d.set("Connection", pick(r, []string{"close", "Authorization", "Content-Length", "keep-alive, X-Forwarded-For", "TE", "Host"}))
	}},
	{name: "upgrade", weight: 0.5, apply: func(r *rand.Rand, d *draft) {
		d.set("Connection", "Upgrade")
		d.set("Upgrade", pick(r, []string{"websocket", "h2c", "x"}))
	}},
	{name: "host", weight: 1, apply: func(r *rand.Rand, d *draft) {
		d.remove("Host")
		d.header = append(d.header, Field{"Host", pick(r, []string{"evil.example", "localhost:1", "127.0.0.1", "a-b.c.", "[::1]"})})
	}},
	{name: "HTTP/1.0", weight: 1, apply: func(_ *rand.Rand, d *draft) {
		if !d.chunked {
			d.version = "HTTP/1.0"
		}
	}},

	{name: "method of no route", weight: 1, framing: true, apply: func(r *rand.Rand, d *draft) {
		d.method = pick(r, []string{"get", "TRACE", "CONNECT", "G\x00T", "G T", "\xff", "GET\t"})
	}},
	{name: "broken host", weight: 1, framing: true, apply: func(r *rand.Rand, d *draft) {
		d.remove("Host")
		for range r.IntN(3) {
			d.header = append(d.header, Field{"Host", pick(r, []string{"a b", "a/b", "\xff", ":", "a:99999", "a\x00b", "..", "evil.example"})})
		}
	}},
	{name: "broken header", weight: 2, framing: true, apply: func(r *rand.Rand, d *draft) {
		d.header = append(d.header, pick(r, []Field{
			{"X-A", "a\x00b"}, {"X-A", "a\x7fb"}, {"X-A", "a\r\n b"}, {"X-A", "a\rb"}, {"X A", "b"}, {"", "b"}, {"X-A\x00", "b"}, {"가", "b"}, {"X_A", "b"}, {":path", "/"},
		}))
	}},
	{name: "broken length", weight: 1, framing: true, apply: func(r *rand.Rand, d *draft) {
		d.finish = append(d.finish, func(request *Request) {
			request.Header = append(request.Header, Field{"Content-Length", pick(r, []string{"-1", "x", "", "99999999999999999999", "0x10", "+1", "1, 1"})})
		})
	}},
	{name: "broken coding", weight: 1, framing: true, apply: func(r *rand.Rand, d *draft) {
		d.header = append(d.header, Field{"Transfer-Encoding", pick(r, []string{"gzip", "identity", "chunked, chunked", "x", "", "\x0bchunked", "gzip, chunked"})})
	}},
	{name: "other version", weight: 1, framing: true, apply: func(r *rand.Rand, d *draft) {
		d.version = pick(r, []string{"HTTP/1.2", "HTTP/2.0", "HTTP/3.0", "HTTP/0.9", "HTTP/1.1 x", "http/1.1", "HTTP/9.9", "HTTP/1.10", "HTTP/11"})
	}},
	{name: "other target", weight: 1, framing: true, apply: func(r *rand.Rand, d *draft) {
		target := pick(r, []string{"*", "http://evil.example/api/v1/bills/menu", "//evil.example/x", "x", "http://", "/\x00", "evil.example:443", "https://[::1/x", "/ x"})
		d.finish = append(d.finish, func(request *Request) { request.Target = target })
	}},
}
