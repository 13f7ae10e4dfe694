package fuzz

import (
	"math/rand/v2"
	"slices"
	"strings"
)

// pathMutations change the path.
var pathMutations = []Mutation{
	{name: "hostile path value", weight: 6, needs: hasParameters, apply: onSegment(func(r *rand.Rand, d *draft, i int, name string) {
		for _, p := range parameters(d.operation, "path") {
			if p.Name == name {
				d.path[i] = escape(hostile(r, p.Schema.Value))
			}
		}
	})},
	{name: "path value nearly right", weight: 4, needs: hasParameters, apply: onSegment(func(r *rand.Rand, d *draft, i int, _ string) {
		d.path[i] = escape(twist(r, d.path[i]))
	})},
	{name: "path value not escaped", weight: 2, needs: hasParameters, apply: onSegment(func(r *rand.Rand, d *draft, i int, _ string) {
		d.path[i] = pick(r, segments)
	})},
	{name: "stray segment", weight: 2, apply: func(r *rand.Rand, d *draft) {
		d.path = slices.Insert(d.path, 1+r.IntN(len(d.path)), pick(r, segments))
	}},
	{name: "segment in another case", weight: 1, apply: func(r *rand.Rand, d *draft) {
		i := 1 + r.IntN(len(d.path)-1)
		d.path[i] = otherCase(r, d.path[i])
	}},
	{name: "letter of the path escaped", weight: 1, apply: func(r *rand.Rand, d *draft) {
		i := 1 + r.IntN(len(d.path)-1)
		if letters := d.path[i]; letters != "" && !strings.Contains(letters, "%") {
			at := r.IntN(len(letters))
			d.path[i] = letters[:at] + "%" + hex(letters[at]) + letters[at+1:]
		}
	}},
}

// segments are raw path segments.
var segments = []string{
	"", ".", "..", "...", "%2e%2e", "..%2f..", "%2F", "%5c", "%00", "%", "%zz", "%c0%af", "%ff", "%ed%a0%80", "%250a", "%0d%0aX-Injected:%20yes", "a%7C%7Cb",
	";x=1", "x;y", "a+b", "a%20b", "*", "~", "'", "\"", "<x>", "{userId}", "\\", "|", "^", "\xff", "가", "%ea%b0%80", "%e1%84%80%e1%85%a1", "a:b", "@", "$", "!",
	strings.Repeat("a", 300), strings.Repeat("%61", 3_000), strings.Repeat("../", 50) + "x", strings.Repeat("a", 40_000),
}

func hex(c byte) string { return string([]byte{"0123456789abcdef"[c>>4], "0123456789abcdef"[c&0xf]}) }

// onSegment applies change to one of the path parameters.
func onSegment(change func(r *rand.Rand, d *draft, segment int, name string)) func(*rand.Rand, *draft) {
	return func(r *rand.Rand, d *draft) {
		name := pick(r, parameters(d.operation, "path")).Name
		if i := segment(d.operation, name); i >= 0 && i < len(d.path) {
			change(r, d, i, name)
		}
	}
}

// queryMutations change the query.
var queryMutations = []Mutation{
	{name: "hostile query value", weight: 10, needs: hasQuery, apply: func(r *rand.Rand, d *draft) {
		p := pick(r, parameters(d.operation, "query"))
		d.ask(p.Name, escape(hostile(r, p.Schema.Value)))
	}},
	{name: "query value not escaped", weight: 3, needs: hasQuery, apply: func(r *rand.Rand, d *draft) { d.ask(anyName(r, d), pick(r, queryParts)) }},
	{name: "query name twice", weight: 2, needs: hasQuery, apply: func(r *rand.Rand, d *draft) {
		name := anyName(r, d)
		d.query = append(d.query, name+"="+escape(pick(r, texts)), name+"=1")
	}},
	{name: "query name in another case", weight: 1, apply: func(r *rand.Rand, d *draft) {
		d.query = append(d.query, otherCase(r, anyName(r, d))+"=1")
	}},
	{name: "stray query", weight: 2, apply: func(r *rand.Rand, d *draft) { d.query = append(d.query, pick(r, queryParts)) }},
	{name: "unknown query name", weight: 1, apply: func(r *rand.Rand, d *draft) { d.ask(escape(pick(r, texts)), escape(pick(r, texts))) }},
	{name: "long query", weight: 0.5, apply: func(r *rand.Rand, d *draft) {
		d.query = append(d.query, strings.Repeat(anyName(r, d)+"=1&", pick(r, []int{100, 700, 4_000})))
	}},
}

// queryParts are raw parts of a query.
var queryParts = []string{
	"", "=", "&", "?", "#x", ";", "a;b=c", "%", "%zz", "%00", "%ff", "%c0%af", "+", "a[]=1", "a[b]=1", "a.b=1", "access_token=x", "=x", "x==y", "x=%26y=1",
	"\xff", "가", "\\", "|", "<", "\"", "page=1;size=5", "_method=DELETE", "callback=x", strings.Repeat("a", 9_000), strings.Repeat("%41", 11_000),
}

// ask sets a query parameter to one raw value.
func (d *draft) ask(name, value string) {
	d.query = slices.DeleteFunc(slices.Clone(d.query), func(pair string) bool { return strings.HasPrefix(pair, name+"=") })
	d.query = append(d.query, name+"="+value)
}

// anyName returns the name of a query parameter, preferably a declared one.
func anyName(r *rand.Rand, d *draft) string {
	if known := parameters(d.operation, "query"); len(known) > 0 {
		return pick(r, known).Name
	}
	return pick(r, []string{"page", "x", "lineNumber"})
}
