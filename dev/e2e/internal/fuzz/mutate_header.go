package fuzz

import (
	"math/rand/v2"
	"strings"
)

// headerMutations change the header.
var headerMutations = []Mutation{
	{name: "Authorization nearly right", weight: 4, apply: func(r *rand.Rand, d *draft) {
		token := strings.TrimPrefix(d.get("Authorization"), "Bearer ")
		d.set("Authorization", strings.ReplaceAll(pick(r, authorizations), "TOKEN", token))
	}},
	{name: "token nearly right", weight: 2, apply: func(r *rand.Rand, d *draft) {
		d.set("Authorization", printable(twist(r, d.get("Authorization"))))
	}},
	{name: "hostile header", weight: 14, apply: func(r *rand.Rand, d *draft) {
		name := pick(r, headerNames)
		d.set(name, headerValue(r, name))
	}},
	{name: "header twice", weight: 3, apply: func(r *rand.Rand, d *draft) {
		name := pick(r, headerNames)
		d.header = append(d.header, Field{name, headerValue(r, name)}, Field{strings.ToLower(name), headerValue(r, name)})
	}},
	{name: "content type and no body", weight: 1, apply: func(r *rand.Rand, d *draft) { d.set("Content-Type", pick(r, headers["Content-Type"])) }},
	{name: "content type", weight: 2, needs: hasBody, apply: func(r *rand.Rand, d *draft) { d.set("Content-Type", pick(r, headers["Content-Type"])) }},
	{name: "no content type", weight: 1, needs: hasBody, apply: func(_ *rand.Rand, d *draft) { d.remove("Content-Type") }},
	{name: "content encoding", weight: 1, needs: hasBody, apply: func(r *rand.Rand, d *draft) {
		d.set("Content-Encoding", pick(r, headers["Content-Encoding"]))
	}},
	{name: "long header", weight: 1, apply: func(r *rand.Rand, d *draft) {
		d.set(pick(r, headerNames), strings.Repeat("a", pick(r, []int{1_000, 7_000, 9_000, 40_000})))
	}},
	{name: "many headers", weight: 0.5, apply: func(r *rand.Rand, d *draft) {
		for range pick(r, []int{50, 200, 1_100}) {
			d.header = append(d.header, Field{"X-Many", "x"})
		}
	}},
}

// authorizations are values of Authorization, mostly invalid.
var authorizations = []string{
	"bearer TOKEN", "BEARER TOKEN", "Bearer  TOKEN", "Bearer\tTOKEN", "Bearer TOKEN ", "Bearer TOKEN,TOKEN", "Bearer TOKEN TOKEN", "BearerTOKEN", "TOKEN",
	"Basic TOKEN", "Basic dXNlcjpwYXNz", "Digest TOKEN", "Bearer", "Bearer ", "", "Bearer null", "Bearer .", "Bearer ..", "Bearer a.b.c", "Bearer TOKEN.x",
	"Bearer eyJhbGciOiJub25lIn0.e30.", "Bearer eyJhbGciOiJFUzI1NiJ9.e30.AAAA", "Bearer \"TOKEN\"", "Bearer TOKEN\x7f", "Bearer 가", "Token TOKEN", "Bearer e30.e30.e30",
}

// headerNames are the fields to mutate.
var headerNames = []string{
	"Accept", "Accept-Charset", "Accept-Encoding", "Accept-Language", "Access-Control-Request-Headers", "Access-Control-Request-Method", "Authorization", "baggage",
	"Cache-Control", "Content-Encoding", "Content-Language", "Content-Type", "Cookie", "dapr-api-token", "dapr-app-id", "dapr-caller-app-id", "Date", "Forwarded",
	"Idempotency-Key", "If-Match", "If-Modified-Since", "If-None-Match", "If-Range", "If-Unmodified-Since", "Origin", "Prefer", "Priority", "Proxy-Authorization",
	"Range", "Referer", "Retry-After", "tracestate", "traceparent", "User-Agent", "Via", "Want-Digest", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto",
	"X-HTTP-Method-Override", "X-Original-URL", "X-Real-IP", "X-Request-ID",
}

// headers are values by field; other fields get any text.
var headers = map[string][]string{
	"Accept": {
		"*/*", "application/json", "application/xml", "text/html", "application/json;q=0", "application/json; charset=utf-16", "*", "/", "a/b;q=2", ",", ";",
	},
	"Accept-Encoding": {"gzip", "identity;q=0", "*;q=0", "br, zstd", "gzip;q=abc"},
	"baggage": {
		"a=b", "=", "a", "a=b,", "a=%zz", "a=가", "userId=x;p=1", strings.Repeat("a=b,", 200), strings.Repeat("k=v,", 2_000), "a=" + strings.Repeat("x", 4_097),
	},
	"Content-Encoding": {"gzip", "identity", "deflate", "br", "gzip, gzip", "", "x", "zstd"},
	"Content-Type": {
		"application/json; charset=utf-8", "application/json; charset=UTF-16", "application/json; charset=\"utf-8\"", "application/json;", "application/json; charset=",
		"application/json; charset=utf-8; charset=latin1", "APPLICATION/JSON", "application/vnd.api+json", "text/json", "text/plain", "application/x-www-form-urlencoded",
		"multipart/form-data; boundary=x", "multipart/form-data", "application/cloudevents+json", "application/json, text/html", "*/*", "/", "", "application/json; x=\xff", ";",
	},
	"dapr-app-id": {"auth-service", "kos-mock-service", "x"},
	"Idempotency-Key": {
		"", " ", "a", "a b", "가", "\xff", "a\tb", "a,b", "\"a\"", strings.Repeat("k", 127), strings.Repeat("k", 128), strings.Repeat("k", 129), strings.Repeat("k", 255),
		strings.Repeat("k", 256), "||", "key-1", "key-2", "019a0000-0000-7000-8000-000000000000",
	},
	"If-None-Match": {"*", "\"x\"", "W/\"x\"", "x", ","},
	"Origin":        {"null", "https://evil.example", "http://", "http://127.0.0.1:8080", "x", "*"},
	"Prefer": {
		"respond-async", "RESPOND-ASYNC", "respond-async=1", "respond-async, wait=1", "wait=1", "wait=0", "wait=-1", "wait=99999999999999999999", "wait=1.5", "wait=\"1\"",
		"wait", "wait=", "respond-async; x=y", "respond-async;", "\"respond-async\"", "foo=\"a,b\"", "foo=\"a\\\"b\"", "foo=\"", ",", ",,respond-async,,", "=", ";", "x y",
		"return=minimal", "handling=strict", strings.Repeat("a,", 3_000), "가", "\xff",
	},
	"Range": {"bytes=0-1", "bytes=-1", "bytes=5-1", "bytes=0-,0-,0-", "x"},
	"traceparent": {
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "00-00000000000000000000000000000000-0000000000000000-00", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		"00-4BF92F3577B34DA6A3CE929D0E0E4736-00F067AA0BA902B7-01", "00", "-", "00-zz-zz-zz", "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x", "가",
	},
	"tracestate": {"a=b", strings.Repeat("a=b,", 40), "=", "A=B", "a=" + strings.Repeat("x", 300)},
	"X-Forwarded-For": {
		"198.51.100.7", "::1", "[::1]:80", "x", "", ",", "127.0.0.1, 198.51.100.7", "999.1.1.1", "fe80::1%eth0", "127.0.0.1:80", strings.Repeat("198.51.100.7, ", 200), "가", "_hidden",
	},
	"X-HTTP-Method-Override": {"DELETE", "GET", "x"},
}

// headerValue returns a value for a field.
func headerValue(r *rand.Rand, name string) string {
	if known := headers[name]; len(known) > 0 && chance(r, 75) {
		return pick(r, known)
	}
	return printable(pick(r, texts))
}

// printable returns a text without characters that end a line or are invalid in a header.
func printable(text string) string {
	return strings.Map(func(letter rune) rune {
		if letter < ' ' && letter != '\t' || letter == 0x7f {
			return -1
		}
		return letter
	}, text)
}
