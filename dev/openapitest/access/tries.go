package access

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// event reports whether the operation receives events, which drops invalid ones.
func (o Operation) event() bool { return strings.HasPrefix(o.Path, "/events/") }

// ownEnvelope reports whether the operation refuses bodies in an envelope of its own: its 400 has
// more than the common schema.
func (o Operation) ownEnvelope() bool {
	refused := o.spec.Responses.Status(http.StatusBadRequest)
	if refused == nil {
		return false
	}
	content := refused.Value.Content.Get("application/json")
	return content != nil && content.Schema != nil && len(content.Schema.Value.AnyOf) > 0
}

func (o Operation) bodyTries() []try {
	if o.Body() == nil || o.event() {
		return nil
	}
	example, own := o.Example(nil), o.ownEnvelope()
	members := slices.Sorted(maps.Keys(o.Body().Properties))
	add := func(name, body, field string) try {
		if own {
			field = ""
		}
		return try{name: name, method: o.Method, path: example.Path, body: body, status: []int{http.StatusBadRequest}, field: field, own: own}
	}
	media := func(name string, header, answer map[string]string) try {
		return try{name: name, method: o.Method, path: example.Path, body: string(example.Body), header: header,
			status: []int{http.StatusUnsupportedMediaType}, answer: answer, own: own}
	}
	accept, encoding := map[string]string{"Accept": "application/json"}, map[string]string{"Accept-Encoding": "identity"}
	tries := []try{
		media("a form", map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, accept),
		media("EUC-KR", map[string]string{"Content-Type": "application/json; charset=euc-kr"}, accept),
		media("gzip", map[string]string{"Content-Encoding": "gzip"}, encoding),
		media("identity", map[string]string{"Content-Encoding": "identity"}, encoding),
		add("unknown member", `{"unknownMember":1}`, "unknownMember"),
		add("null", `null`, ""), add("invalid JSON", `{`, ""), add("two values", `{} {}`, ""),
		add("deep", strings.Repeat("[", 20_000), ""),
	}
	for _, member := range members {
		value := `null`
		tries = append(tries,
			add("duplicate "+member, fmt.Sprintf(`{%q:%s,%q:%s}`, member, value, member, value), member),
			add("other case of "+member, fmt.Sprintf(`{%q:%s}`, strings.ToUpper(member), value), strings.ToUpper(member)),
			add("invalid UTF-8 in "+member, fmt.Sprintf("{%q:\"\xff\"}", member), ""),
			add("lone surrogate in "+member, fmt.Sprintf(`{%q:"\ud800"}`, member), ""))
	}
	return tries
}

func (o Operation) queryTries() []try {
	example := o.Example(nil)
	path, _, _ := strings.Cut(example.Path, "?")
	add := func(query, field string) try {
		return try{name: "query " + query, method: o.Method, path: path + "?" + query, body: string(example.Body),
			status: []int{http.StatusBadRequest}, field: field}
	}
	tries := []try{add("unknownName=1", "unknownName"), add("unknownName", "unknownName"), add("a%zz=1", "a%zz"), add("a;b=1", "a")}
	for _, ref := range o.parameters {
		if parameter := ref.Value; parameter.In == "query" {
			name := parameter.Name
			value := fmt.Sprint(Sample(name, parameter.Schema.Value, nil))
			tries = append(tries, add(name+"=", name), add(name, name), add(name+"=%zz", name), add(name+"=%ff", name),
				add(name+"="+value+";size=5", name), add(name+"="+value+"&"+name+"="+value, name),
				add(strings.ToUpper(name)+"="+value, strings.ToUpper(name)))
		}
	}
	return tries
}

// ids are path variables with a single format, each with a valid value.
var ids = map[string]string{"requestId": "0199f5d4-7b3a-7c6e-8a55-0a1b2c3d4e5f", "sessionId": "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}

func (o Operation) pathTries() []try {
	var tries []try
	for _, ref := range o.parameters {
		if ref.Value.In != "path" {
			continue
		}
		name := ref.Value.Name
		if name == "lineNumber" {
			tries = append(tries, o.lineTries()...)
		}
		bad := []string{"a||b", "a\x00b", "a\nb", "\xff", "..", "a/b", strings.Repeat("x", 5000), " "}
		if id, ok := ids[name]; ok {
			bad = append(bad, "{"+id+"}", "urn:uuid:"+id, strings.ToLower(id)+"-", strings.ReplaceAll(id, "-", "")+"0", id+"\x00")
		}
		for _, value := range bad {
			example := o.Example(map[string]string{name: value})
			tries = append(tries, try{
				name: fmt.Sprintf("%s %.20q", name, value), method: o.Method, path: example.Path, body: string(example.Body),
				status: []int{http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound},
			})
		}
	}
	return tries
}

// lines are invalid line numbers, some of which lenient parsers accept.
var lines = []string{
	"0101234567", "010123456789", "010-12345678", "0101234-5678", "0101-234-5678", "010--1234-5678", "010-1234-5678-", "-01012345678",
	"01112345678", "1012345678", "+821012345678", "010 1234 5678", " 01012345678", "01012345678\n", "010.1234.5678",
	"\uff10\uff11\uff10\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18", "010\u20101234\u20105678", "0x012345678", "01012345678e0",
}

// lineTries tests a line number in the path: faults are named, and both formats are accepted.
func (o Operation) lineTries() []try {
	var tries []try
	for _, line := range lines {
		tries = append(tries, try{
			name: fmt.Sprintf("line %q", line), method: o.Method, path: o.Example(map[string]string{"lineNumber": line}).Path,
			status: []int{http.StatusBadRequest}, field: "lineNumber",
		})
	}
	for _, line := range []string{"01012345678", "010-1234-5678"} {
		tries = append(tries, try{
			name: "line " + line, method: o.Method, path: o.Example(map[string]string{"lineNumber": line}).Path, status: []int{http.StatusOK},
		})
	}
	return tries
}

func (o Operation) methodTries(methods []string) []try {
	path, _, _ := strings.Cut(o.Example(nil).Path, "?")
	order := []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}
	taken := slices.DeleteFunc(order, func(method string) bool { return !slices.Contains(methods, method) })
	if slices.Contains(methods, http.MethodGet) {
		taken = append(taken, http.MethodHead)
	}
	allow := map[string]string{"Allow": strings.Join(append(taken, http.MethodOptions), ", ")}
	tries := []try{
		{name: "OPTIONS", method: http.MethodOptions, path: path, status: []int{http.StatusNoContent}, answer: allow},
		{name: "TRACE", method: http.MethodTrace, path: path, status: []int{http.StatusMethodNotAllowed}}, // an ingress may answer it itself
	}
	if !slices.Contains(methods, http.MethodGet) {
		tries = append(tries, try{name: "HEAD", method: http.MethodHead, path: path, status: []int{http.StatusMethodNotAllowed}, answer: allow})
	}
	return tries
}
