package access

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// Input fails the test unless handler refuses, for every operation of a document,
// what no operation takes: bodies in other encodings, with invalid text, or with
// members that are unknown, duplicate or in another case; queries that are not
// well-formed or have what is not described; other forms of ids; and methods that
// the path does not have. Admit makes a request one that the operation's rule lets
// through.
func Input(t testing.TB, document []byte, handler http.Handler, admit func(r *http.Request, rule Rule)) {
	t.Helper()
	operations, err := Operations(document)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range operations {
		tries := slices.Concat(o.bodyTries(), o.queryTries(), o.pathTries(), o.methodTries(methodsOf(operations, o.Path)))
		for _, try := range tries {
			if fault := try.judge(handler, admit, o); fault != "" {
				t.Errorf("%s, %s: %s", o.Name(), try.name, fault)
			}
		}
	}
}

// methodsOf returns the methods of all operations whose paths match path: where
// there is /things/{id}, GET /things/check is one of it too.
func methodsOf(operations []Operation, path string) []string {
	var methods []string
	for _, o := range operations {
		if matches(o.Path, path) {
			methods = append(methods, o.Method)
		}
	}
	return methods
}

func matches(template, path string) bool {
	ours, theirs := strings.Split(template, "/"), strings.Split(path, "/")
	return slices.EqualFunc(ours, theirs, func(a, b string) bool { return a == b || strings.HasPrefix(a, "{") })
}

// try is a request that must be answered in a certain way.
type try struct {
	name         string
	method, path string
	header       map[string]string
	body         string
	status       []int             // one of them
	field        string            // that fieldErrors name
	answer       map[string]string // headers
}

// judge returns what is wrong with the answer, or "".
func (y try) judge(handler http.Handler, admit func(*http.Request, Rule), o Operation) string {
	path, query, _ := strings.Cut(y.path, "?")
	request := httptest.NewRequest(y.method, path, strings.NewReader(y.body)) //nolint:noctx // answered in this call
	request.URL.RawQuery = query                                              // also one that is no query
	if y.body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	admit(request, o.Rule)
	for name, value := range y.header {
		request.Header.Set(name, value)
	}
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, request)
	if !slices.Contains(y.status, answer.Code) {
		return fmt.Sprintf("answered %d, want %v: %s", answer.Code, y.status, answer.Body)
	}
	for name, want := range y.answer {
		if got := answer.Header().Get(name); got != want {
			return fmt.Sprintf("%s is %q, want %q", name, got, want)
		}
	}
	if y.field != "" && !names(answer.Body.Bytes(), y.field) {
		return fmt.Sprintf("does not name %q: %s", y.field, answer.Body)
	}
	return ""
}

func names(body []byte, field string) bool {
	var failure struct {
		Error struct {
			Details struct {
				Fields map[string]string `json:"fieldErrors"`
			} `json:"details"`
		} `json:"error"`
	}
	return json.Unmarshal(body, &failure) == nil && failure.Error.Details.Fields[field] != ""
}

// ownProtocol reports whether an operation answers faults in a bad body in a way
// of its own: events are dropped, and KOS has its own envelope.
func (o Operation) ownProtocol() bool {
	return o.Rule == Internal && !strings.HasPrefix(o.Path, "/internal/")
}

func (o Operation) bodyTries() []try {
	if o.body() == nil || strings.HasPrefix(o.Path, "/events/") {
		return nil
	}
	example := o.Example(nil)
	members := slices.Sorted(maps.Keys(o.body().Properties))
	add := func(name, body, field string) try {
		if o.ownProtocol() {
			field = ""
		}
		return try{name: name, method: o.Method, path: example.Path, body: body, status: []int{http.StatusBadRequest}, field: field}
	}
	media := func(name string, header, answer map[string]string) try {
		return try{name: name, method: o.Method, path: example.Path, body: string(example.Body), header: header,
			status: []int{http.StatusUnsupportedMediaType}, answer: answer}
	}
	accept, encoding := map[string]string{"Accept": "application/json"}, map[string]string{"Accept-Encoding": "identity"}
	tries := []try{
		media("a form", map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, accept),
		media("EUC-KR", map[string]string{"Content-Type": "application/json; charset=euc-kr"}, accept),
		media("gzip", map[string]string{"Content-Encoding": "gzip"}, encoding),
		media("identity", map[string]string{"Content-Encoding": "identity"}, encoding),
		add("unknown member", `{"unknownMember":1}`, "unknownMember"),
		add("null", `null`, ""), add("no JSON", `{`, ""), add("two values", `{} {}`, ""),
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
			value := fmt.Sprint(sample(name, parameter.Schema.Value, nil))
			tries = append(tries, add(name+"=", name), add(name, name), add(name+"=%zz", name), add(name+"=%ff", name),
				add(name+"="+value+";size=5", name), add(name+"="+value+"&"+name+"="+value, name),
				add(strings.ToUpper(name)+"="+value, strings.ToUpper(name)))
		}
	}
	return tries
}

// ids are names of variables of paths that have one form, with a value of it.
var ids = map[string]string{"requestId": "0199f5d4-7b3a-7c6e-8a55-0a1b2c3d4e5f", "sessionId": "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}

func (o Operation) pathTries() []try {
	var tries []try
	for _, ref := range o.parameters {
		if ref.Value.In != "path" {
			continue
		}
		name := ref.Value.Name
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
		{name: "TRACE", method: http.MethodTrace, path: path, status: []int{http.StatusMethodNotAllowed}, answer: allow},
	}
	if !slices.Contains(methods, http.MethodGet) {
		tries = append(tries, try{name: "HEAD", method: http.MethodHead, path: path, status: []int{http.StatusMethodNotAllowed}, answer: allow})
	}
	return tries
}
