// Package docs_test generates and checks the documents that follow from the code.
package docs_test

import (
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

var update = flag.Bool("update", false, "write messages.md anew")

const (
	root      = "../.."
	table     = "messages.md"
	ingress   = "ingress (nginx)"
	allOfThem = "all"
	billing   = "kos-mock-service/internal/billing"
)

// TestMessagesAreCurrent fails if messages.md is not what the sources say.
func TestMessagesAreCurrent(t *testing.T) {
	t.Parallel()
	found := make(messages)
	for folder, files := range packages(t, filepath.Join(root, "apps")) {
		newSource(folder, files).collect(found)
	}
	found.readIngress(t, filepath.Join(root, "dev", "ingress", "nginx.conf.tmpl"))
	want := found.markdown(statuses(t))
	if *update {
		if err := os.WriteFile(table, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(table); err != nil || string(got) != want {
		t.Errorf("dev/docs/%s is out of date (%v): run `make docs` and commit the result", table, err)
	}
}

// message is a Korean text and what identifies it for a program.
type message struct {
	section          section
	code, kind, text string
}

// section is a table of the document.
type section uint8

const (
	refusals section = iota
	fields
	successes
	carrier
	others
	sections
)

// messages are the apps that send each message.
type messages map[message]map[string]bool

func (m messages) add(app string, msg message) {
	if m[msg] == nil {
		m[msg] = make(map[string]bool)
	}
	m[msg][app] = true
}

// packages returns the parsed files of each package below dir that may answer a
// client of the API: no tests, no test doubles, no demo users and no portal, whose
// texts have a catalogue of their own.
func packages(t *testing.T, dir string) map[string][]*ast.File {
	t.Helper()
	found := make(map[string][]*ast.File)
	err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (strings.HasSuffix(name, "test") || slices.Contains([]string{"seed", "simulation", "web-portal"}, entry.Name())):
			return filepath.SkipDir
		case entry.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		folder, err := filepath.Rel(dir, filepath.Dir(name))
		found[filepath.ToSlash(folder)] = append(found[filepath.ToSlash(folder)], file)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// source is a package.
type source struct {
	app, folder string
	files       []*ast.File
	constants   map[string]string
	helpers     map[string]helper
}

// helper is a function that makes a problem from a message that it is given.
type helper struct {
	code, kind string
	field      string // of FieldErrors; empty if there is none
	fieldArg   int    // the argument that names the field, or -1
}

func newSource(folder string, files []*ast.File) *source {
	app, _, _ := strings.Cut(folder, "/")
	if app == "internal" {
		app = allOfThem
	}
	s := &source{app: app, folder: folder, files: files, constants: make(map[string]string), helpers: make(map[string]helper)}
	for _, file := range files {
		ast.Inspect(file, func(node ast.Node) bool {
			spec, ok := node.(*ast.ValueSpec)
			for i := 0; ok && i < len(spec.Values); i++ {
				if text, literal := s.text(spec.Values[i]); literal {
					s.constants[spec.Names[i].Name] = text
				}
			}
			return true
		})
	}
	for _, file := range files {
		for _, decl := range file.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil {
				s.learn(fn)
			}
		}
	}
	return s
}

// learn remembers fn if it makes a problem from one of its parameters.
func (s *source) learn(fn *ast.FuncDecl) {
	var parameters []string
	for _, field := range fn.Type.Params.List {
		for _, name := range field.Names {
			parameters = append(parameters, name.Name)
		}
	}
	given := func(e ast.Expr) int {
		id, ok := e.(*ast.Ident)
		if !ok {
			return -1
		}
		return slices.Index(parameters, id.Name)
	}
	h := helper{code: "VALIDATION_ERROR", kind: "Invalid", fieldArg: -1}
	known := false
	ast.Inspect(fn, func(node ast.Node) bool {
		switch n := node.(type) {
		case *ast.CallExpr:
			if isNew(n) && given(n.Args[2]) >= 0 {
				h.kind, h.code, known = name(n.Args[0]), s.must(n.Args[1]), true
			}
			if name(n.Fun) != "WithFields" {
				return true
			}
			form, ok := n.Args[0].(*ast.CompositeLit)
			if !ok || len(form.Elts) != 1 {
				return true
			}
			if pair, ok := form.Elts[0].(*ast.KeyValueExpr); ok && given(pair.Value) >= 0 {
				h.field, h.fieldArg = s.must(pair.Key), given(pair.Key)
				known = known || h.field != "" || h.fieldArg >= 0
			}
		}
		return true
	})
	if known {
		s.helpers[fn.Name.Name] = h
	}
}

// text returns the text of a constant expression, with … for what it is
// formatted with, and whether e is one.
func (s *source) text(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		return text, e.Kind == token.STRING && err == nil
	case *ast.Ident:
		text, ok := s.constants[e.Name]
		return text, ok
	case *ast.BinaryExpr:
		left, ok := s.text(e.X)
		right, too := s.text(e.Y)
		if e.Op != token.ADD || !ok && !too {
			return "", false
		}
		return orDots(left, ok) + orDots(right, too), true
	case *ast.CallExpr:
		if name(e.Fun) == "Sprintf" {
			text, ok := s.text(e.Args[0])
			return verbs.ReplaceAllString(text, "…"), ok
		}
	}
	return "", false
}

var verbs = regexp.MustCompile(`%\d*[a-z]`)

func orDots(text string, known bool) string {
	if !known {
		return "…"
	}
	return text
}

func (s *source) must(e ast.Expr) string {
	text, _ := s.text(e)
	return text
}

// collect adds the messages of the package.
func (s *source) collect(found messages) {
	for _, file := range s.files {
		var above []ast.Node
		ast.Inspect(file, func(node ast.Node) bool {
			if node == nil {
				above = above[:len(above)-1]
				return true
			}
			if e, ok := node.(ast.Expr); ok {
				if text, literal := s.text(e); literal && korean(text) {
					for _, msg := range s.classify(e, text, above) {
						found.add(s.app, msg)
					}
					return false
				}
			}
			above = append(above, node)
			return true
		})
	}
}

func korean(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return unicode.Is(unicode.Hangul, r) })
}

// code is how a refusal is named for programs; result is how KOS does.
var (
	code   = regexp.MustCompile(`^[A-Z][A-Z0-9_]{4,}$`)
	result = regexp.MustCompile(`^\d{4}$`)
)

// classify returns where text belongs, by what is around it. The innermost node
// that decides it does.
func (s *source) classify(e ast.Expr, text string, above []ast.Node) []message {
	var inner ast.Node = e
	for _, node := range slices.Backward(above) {
		var msgs []message
		switch n := node.(type) {
		case *ast.CallExpr:
			msgs = s.argument(n, inner)
		case *ast.KeyValueExpr:
			if field, literal := s.text(n.Key); literal && !korean(field) {
				msgs = []message{{section: fields, code: field}}
			} else if name(n.Key) == "Name" {
				return nil // a person
			}
		case *ast.CompositeLit:
			msgs = s.siblings(n.Elts)
		case *ast.AssignStmt:
			msgs = s.assigned(n)
		case *ast.ValueSpec:
			if _, constant := s.constants[n.Names[0].Name]; constant {
				return nil // it counts where it is used
			}
		}
		if msgs != nil {
			if s.folder == billing && msgs[0].section != carrier {
				return nil // data, not messages
			}
			for i := range msgs {
				msgs[i].text = text
			}
			return msgs
		}
		inner = node
	}
	switch s.folder {
	case "internal/query", "internal/httpjson":
		return []message{{section: fields, text: text}}
	case billing:
		return nil
	}
	return []message{{section: others, text: text}}
}

// argument classifies an argument of a call.
func (s *source) argument(call *ast.CallExpr, argument ast.Node) []message {
	if isNew(call) {
		return []message{{section: refusals, kind: name(call.Args[0]), code: s.must(call.Args[1])}}
	}
	if h, ok := s.helpers[name(call.Fun)]; ok {
		field := h.field
		if h.fieldArg >= 0 {
			field = s.must(call.Args[h.fieldArg])
		}
		msgs := []message{{section: fields, code: field}}
		if h.code != "VALIDATION_ERROR" {
			msgs = append(msgs, message{section: refusals, kind: h.kind, code: h.code})
		}
		return msgs
	}
	switch called := name(call.Fun); called {
	case "Success", "SuccessWith":
		return []message{{section: successes}}
	case "Parsed", "Text", "fault":
		for _, arg := range call.Args {
			if field, literal := s.text(arg); literal && arg != argument {
				return []message{{section: fields, code: field}}
			}
		}
		return []message{{section: fields}}
	}
	return nil
}

// siblings classifies by the other elements of a literal or an assignment.
func (s *source) siblings(elements []ast.Expr) []message {
	msg := message{section: others}
	for _, element := range elements {
		if pair, ok := element.(*ast.KeyValueExpr); ok {
			if name(pair.Key) == "Success" {
				return []message{{section: successes}}
			}
			element = pair.Value
		}
		if status := name(element); strings.HasPrefix(status, "Status") {
			msg.kind = status
		}
		if text, literal := s.text(element); literal && (code.MatchString(text) || result.MatchString(text)) {
			msg.section, msg.code = refusals, text
			if result.MatchString(text) {
				msg.section = carrier
			}
		}
	}
	if msg.code == "" {
		return nil
	}
	if msg.kind == "" && msg.section == refusals {
		msg.section = others
	}
	return []message{msg}
}

// assigned classifies a text by what it is assigned to.
func (s *source) assigned(assign *ast.AssignStmt) []message {
	for _, to := range assign.Lhs {
		if member, ok := to.(*ast.IndexExpr); ok {
			return []message{{section: fields, code: s.must(member.Index)}}
		}
	}
	return s.siblings(assign.Rhs)
}

func isNew(call *ast.CallExpr) bool { return name(call.Fun) == "New" && len(call.Args) == 3 }

// name returns the last part of an identifier.
func name(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	case *ast.IndexExpr:
		return name(e.X)
	}
	return ""
}
