package fuzz

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"unicode/utf16"
)

// memberMutations change the JSON value of a body.
var memberMutations = []Mutation{
	{name: "member of another type", weight: 6, needs: hasBody, apply: onValue(func(r *rand.Rand, n *node) { n.set(pick(r, raws)) })},
	{name: "member with a hostile text", weight: 8, needs: hasBody, apply: onValue(func(r *rand.Rand, n *node) { n.set(text(hostile(r, n.schema))) })},
	{name: "member nearly right", weight: 5, needs: hasBody, apply: onValue(twistNode)},
	{name: "member at a bound", weight: 4, needs: hasBody, apply: onValue(boundNode)},
	{name: "member in escapes", weight: 1, needs: hasBody, apply: onValue(escapeNode)},
	{name: "member missing", weight: 2, needs: hasBody, apply: onObject(func(r *rand.Rand, n *node) {
		i := r.IntN(len(n.members))
		n.members = slices.Delete(n.members, i, i+1)
	})},
	{name: "member twice", weight: 2, needs: hasBody, apply: onObject(func(r *rand.Rand, n *node) {
		again := pick(r, n.members)
		if chance(r, 50) {
			again.value = &node{raw: pick(r, raws)}
		}
		n.members = append(n.members, again)
	})},
	{name: "member in another case", weight: 2, needs: hasBody, apply: onObject(func(r *rand.Rand, n *node) {
		i := r.IntN(len(n.members))
		n.members[i].name = otherCase(r, n.members[i].name)
	})},
	{name: "member's name in escapes", weight: 1, needs: hasBody, apply: onObject(func(r *rand.Rand, n *node) {
		i := r.IntN(len(n.members))
		n.members[i].name = escaped(n.members[i].name)
	})},
	{name: "unknown member", weight: 2, needs: hasBody, apply: onObject(func(r *rand.Rand, n *node) {
		n.members = append(n.members, member{text(pick(r, texts)), &node{raw: pick(r, raws)}})
	})},
	{name: "member's name broken", weight: 1, needs: hasBody, apply: onObject(func(r *rand.Rand, n *node) {
		n.members[r.IntN(len(n.members))].name = pick(r, raws)
	})},
	{name: "many members", weight: 0.3, needs: hasBody, apply: onObject(func(_ *rand.Rand, n *node) {
		for range 3_000 {
			n.members = append(n.members, n.members[0])
		}
	})},
}

// onValue applies change to one of the values of a body.
func onValue(change func(r *rand.Rand, n *node)) func(*rand.Rand, *draft) {
	return func(r *rand.Rand, d *draft) {
		if values := d.body.below(func(*node) bool { return true }); len(values) > 0 {
			change(r, pick(r, values))
		} else {
			change(r, d.body)
		}
	}
}

// onObject applies change to one of the non-empty objects of a body.
func onObject(change func(r *rand.Rand, n *node)) func(*rand.Rand, *draft) {
	return func(r *rand.Rand, d *draft) {
		if objects := d.body.objects(); len(objects) > 0 {
			change(r, pick(r, objects))
		}
	}
}

func twistNode(r *rand.Rand, n *node) {
	if inner, isText := strings.CutPrefix(n.raw, `"`); isText && len(inner) > 0 {
		n.set(text(twist(r, inner[:len(inner)-1])))
	}
}

func boundNode(r *rand.Rand, n *node) {
	if n.schema == nil {
		return
	}
	bounds := boundsOf(n.schema)
	if len(bounds) == 0 {
		return
	}
	bound := pick(r, bounds)
	if n.schema.Min == nil && n.schema.Max == nil {
		bound = text(bound)
	}
	n.set(bound)
}

func escapeNode(_ *rand.Rand, n *node) { n.set(escaped(n.raw)) }

// escaped returns an equivalent JSON text with escape sequences.
func escaped(raw string) string {
	inner, isText := strings.CutPrefix(raw, `"`)
	if !isText || inner == "" {
		return raw
	}
	var out strings.Builder
	out.WriteByte('"')
	for _, unit := range utf16.Encode([]rune(inner[:len(inner)-1])) {
		out.WriteString(`\u`)
		for shift := 12; shift >= 0; shift -= 4 {
			out.WriteByte("0123456789abcdef"[unit>>shift&0xf])
		}
	}
	return out.String() + `"`
}

// byteMutations change the bytes of a body.
var byteMutations = []Mutation{
	{name: "body cut off", weight: 2, needs: hasBody, apply: onBytes(func(r *rand.Rand, b []byte) []byte { return b[:r.IntN(len(b)+1)] })},
	{name: "body of another kind", weight: 2, needs: hasBody, apply: onBytes(func(r *rand.Rand, _ []byte) []byte { return []byte(pick(r, raws)) })},
	{name: "body empty", weight: 1, needs: hasBody, apply: onBytes(func(*rand.Rand, []byte) []byte { return []byte{} })},
	{name: "bytes in the body", weight: 2, needs: hasBody, apply: onBytes(func(r *rand.Rand, b []byte) []byte {
		at := r.IntN(len(b) + 1)
		return slices.Concat(b[:at], []byte(pick(r, strays)), b[at:])
	})},
	{name: "bit of the body", weight: 2, needs: hasBody, apply: onBytes(func(r *rand.Rand, b []byte) []byte {
		b = bytes.Clone(b)
		if len(b) > 0 {
			b[r.IntN(len(b))] ^= 1 << r.IntN(8)
		}
		return b
	})},
	{name: "body and more", weight: 1, needs: hasBody, apply: onBytes(func(r *rand.Rand, b []byte) []byte {
		return slices.Concat(b, []byte(pick(r, []string{"{}", "null", "x", "\x00", " \r\n\t ", ",", "]"})))
	})},
	{name: "body in UTF-16", weight: 0.5, needs: hasBody, apply: onBytes(func(_ *rand.Rand, b []byte) []byte {
		out := []byte{0xff, 0xfe}
		for _, unit := range utf16.Encode([]rune(string(b))) {
			out = append(out, byte(unit), byte(unit>>8))
		}
		return out
	})},
	{name: "large body", weight: 0.4, needs: hasBody, apply: onBytes(func(r *rand.Rand, b []byte) []byte {
		size := pick(r, []int{1 << 16, 1<<16 + 1, 1<<20 - 1, 1 << 20, 1<<20 + 1})
		return append(bytes.Clone(b), bytes.Repeat([]byte(" "), max(0, size-len(b)))...)
	})},
	{name: "body where none is due", weight: 1, apply: func(r *rand.Rand, d *draft) {
		if d.body == nil {
			d.set("Content-Type", "application/json")
			d.body = &node{raw: pick(r, raws)}
		}
	}},
}

// strays are bytes to insert into a text.
var strays = []string{
	"\xff", "\xc0\xaf", "\xed\xa0\x80", "\xe2\x82", "\x80", "\x00", "\x1f", "\ufeff", "\u2028", "\u00a0", "//", "/**/", ",", "\\", "\"", "{", "}", "\n", "\v",
}

// onBytes applies change to the bytes of a body.
func onBytes(change func(r *rand.Rand, body []byte) []byte) func(*rand.Rand, *draft) {
	return func(r *rand.Rand, d *draft) {
		d.finish = append(d.finish, func(request *Request) { request.Body = change(r, request.Body) })
	}
}
