package hostile

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	kosclient "github.com/phonebill/phonebill/apps/internal/kos/client"
)

// members returns answers with one faulty member, for each member and each fault.
func (e Endpoint) members() []Answer {
	var all []Answer
	root := e.tree()
	for _, path := range paths("", root) {
		if e.within(e.Unread, path) {
			continue
		}
		all = append(all, e.shapes(path)...)
		for _, value := range e.values(path, at(root, path)) {
			all = append(all, e.replaced(path, value, e.kind(path, value)))
		}
	}
	for _, path := range e.Sums {
		all = append(all, e.replaced(path, oneMore(at(root, path)), kosclient.Amount))
	}
	return all
}

// oneMore returns an amount plus one won.
func oneMore(value any) string {
	number, _ := value.(json.Number)
	amount, err := number.Int64()
	if err != nil {
		panic(fmt.Sprintf("hostile: %v is no amount", value))
	}
	return strconv.FormatInt(amount+1, 10)
}

func (Endpoint) within(list []string, path string) bool {
	return slices.ContainsFunc(list, func(p string) bool { return path == p || strings.HasPrefix(path, p+".") })
}

// tree returns the decoded data.
func (e Endpoint) tree() any {
	decoder := json.NewDecoder(strings.NewReader(e.Data))
	decoder.UseNumber()
	var tree any
	if err := decoder.Decode(&tree); err != nil {
		panic(fmt.Sprintf("hostile: data of %s: %v", e.Name, err))
	}
	return tree
}

// paths returns the paths of all values in value, which is at path.
func paths(path string, value any) []string {
	var all []string
	add := func(name string, child any) {
		name = strings.TrimPrefix(path+"."+name, ".")
		all = append(append(all, name), paths(name, child)...)
	}
	switch value := value.(type) {
	case map[string]any:
		for name, child := range value {
			add(name, child)
		}
	case []any:
		for i, child := range value {
			add(strconv.Itoa(i), child)
		}
	}
	slices.Sort(all)
	return all
}

// at returns the value at path.
func at(value any, path string) any {
	for name := range strings.SplitSeq(path, ".") {
		switch parent := value.(type) {
		case []any:
			i, _ := strconv.Atoi(name)
			value = parent[i]
		case map[string]any:
			value = parent[name]
		}
	}
	return value
}

// edited returns the answer with the value at path replaced; change edits the
// object that it is a member of.
func (e Endpoint) edited(path string, change func(members map[string]any, name string)) string {
	root := e.tree()
	parent, name := root, path
	if i := strings.LastIndexByte(path, '.'); i >= 0 {
		parent, name = at(root, path[:i]), path[i+1:]
	}
	switch parent := parent.(type) {
	case []any:
		i, _ := strconv.Atoi(name)
		item := map[string]any{name: parent[i]}
		change(item, name)
		parent[i] = item[name]
	case map[string]any:
		change(parent, name)
	}
	text, err := json.Marshal(root)
	if err != nil {
		panic(fmt.Sprintf("hostile: %v", err))
	}
	return envelope("true", "0000", strings.ReplaceAll(string(text), twice, ""))
}

// twice marks a member that is there already.
const twice = "twice:"

// replaced returns the answer with value, in JSON, at path.
func (e Endpoint) replaced(path, value string, kind kosclient.Kind) Answer {
	name := value
	if len(name) > 40 {
		name = name[:40]
	}
	return ok(path+" = "+strconv.QuoteToASCII(name), kind, e.edited(path, func(m map[string]any, name string) { m[name] = json.RawMessage(value) }))
}

// shapes returns answers that lack the member at path, or have it twice, in
// another case, or of another type.
func (e Endpoint) shapes(path string) []Answer {
	value := at(e.tree(), path)
	all := []Answer{e.replaced(path, otherType(value), kosclient.Shape)}
	if value != nil && !slices.Contains(e.Optional, path) {
		all = append(all, e.replaced(path, "null", kosclient.Shape))
	}
	if last := path[strings.LastIndexByte(path, '.')+1:]; last[0] >= '0' && last[0] <= '9' {
		return all // an item of a list
	}
	all = append(all, ok(path+" twice", kosclient.Syntax, e.edited(path, func(m map[string]any, name string) { m[twice+name] = m[name] })))
	if slices.Contains(e.Optional, path) {
		return all
	}
	return append(all,
		ok("no "+path, kosclient.Shape, e.edited(path, func(m map[string]any, name string) { delete(m, name) })),
		ok(path+" in another case", kosclient.Shape, e.edited(path, func(m map[string]any, name string) {
			m[strings.ToUpper(name)] = m[name]
			delete(m, name)
		})))
}

func otherType(value any) string {
	switch value.(type) {
	case string, []any, bool:
		return "7"
	case map[string]any:
		return "[]"
	}
	return `"7"`
}

// values returns values of the type of value, in JSON, that no member may have.
func (e Endpoint) values(path string, value any) []string {
	own := e.Values[path]
	switch value.(type) {
	case string:
		return append(own, `""`, `"a\nb"`, `"\u202eabc"`, `"\u0000"`, `"a\u200bb"`, `"`+strings.Repeat("가", 10_000)+`"`)
	case json.Number:
		return append(own, "-1", "1000000001", "9223372036854775807", "1.5", "1e30", "9223372036854775808")
	}
	return own
}

// kind returns the fault that value is at path.
func (e Endpoint) kind(path, value string) kosclient.Kind {
	if value == "1.5" || value == "1e30" || value == "9223372036854775808" {
		return kosclient.Shape // no int64
	}
	if kind, ok := e.Kinds[path]; ok {
		return kind
	}
	if value[0] == '"' {
		return kosclient.Value
	}
	return kosclient.Amount
}
