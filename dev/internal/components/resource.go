// Package components reads folders of Dapr resources, lays folders over those of components/local, and
// checks that the result has what PhoneBill relies on.
package components

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Resource is a Dapr resource, a Component or a Subscription, with the fields that are checked.
type Resource struct {
	Kind     string
	Metadata struct{ Name string }
	Spec     Spec
	Auth     struct {
		SecretStore string `yaml:"secretStore"`
	}
	Scopes []string

	file string
	text []byte
	root *yaml.Node
}

// Spec is the specification of a Component or of a Subscription.
type Spec struct {
	// Of a Component.
	Type, Version string
	Metadata      []Option
	// Of a Subscription.
	PubsubName      string `yaml:"pubsubname"`
	Topic           string
	DeadLetterTopic string `yaml:"deadLetterTopic"`
	Routes          struct{ Default string }
}

// Option is an option of a component.
type Option struct {
	Name, Value  string
	SecretKeyRef struct{ Name, Key string } `yaml:"secretKeyRef"`
}

// Option returns the option of that name, or the zero value.
func (r Resource) Option(name string) Option {
	for _, option := range r.Spec.Metadata {
		if option.Name == name {
			return option
		}
	}
	return Option{}
}

// Names reports whether an option of the component contains an address, host:port.
func (r Resource) Names(address string) bool {
	return slices.ContainsFunc(r.Spec.Metadata, func(o Option) bool { return strings.Contains(o.Value, address) })
}

// Read reads the YAML files of a folder, sorted by name. Each file has one resource, because daprd
// ignores further documents of some kinds, and the name of its resource.
func Read(folder string) ([]Resource, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s has no Dapr resources (*.yaml)", folder)
	}
	var all []Resource
	var wrong error
	for _, file := range files {
		r, err := read(file)
		all, wrong = append(all, r), errors.Join(wrong, err)
	}
	return all, wrong
}

func read(file string) (Resource, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return Resource{}, err
	}
	r := Resource{file: file, text: text, root: new(yaml.Node)}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	if err := decoder.Decode(r.root); err != nil {
		return Resource{}, fmt.Errorf("%s: %w", file, err)
	}
	if err := r.root.Decode(&r); err != nil {
		return Resource{}, fmt.Errorf("%s: %w", file, err)
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return Resource{}, fmt.Errorf("%s: want one YAML document, not more", file)
	}
	if want := strings.TrimSuffix(filepath.Base(file), ".yaml"); r.Metadata.Name != want {
		return Resource{}, r.wrong("the name is %q, but the file is called %s.yaml", r.Metadata.Name, want).at("metadata", "name")
	}
	return r, nil
}

// fault is an error in a resource.
type fault struct {
	r    Resource
	line int
	text string
}

// Error returns file, line and reason.
func (f fault) Error() string { return fmt.Sprintf("%s:%d: %s", f.r.file, f.line, f.text) }

// wrong returns a fault of the whole resource; see at.
func (r Resource) wrong(format string, args ...any) fault {
	return fault{r: r, line: 1, text: fmt.Sprintf(format, args...)}
}

// at sets the fault's line to that of a field, or of the last of its parents that exists. An element
// of a list is found by its name.
func (f fault) at(path ...string) fault {
	node := f.r.root.Content[0]
	for _, name := range path {
		key, value := child(node, name)
		if value == nil {
			break
		}
		f.line, node = key.Line, value
	}
	return f
}

// child returns the key and the value of a mapping's field, or the element of a list that has that
// name, twice. It returns nil if there is none.
func child(node *yaml.Node, name string) (key, value *yaml.Node) {
	switch node.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			if node.Content[i].Value == name {
				return node.Content[i], node.Content[i+1]
			}
		}
	case yaml.SequenceNode:
		for _, element := range node.Content {
			if _, named := child(element, "name"); named != nil && named.Value == name {
				return element, element
			}
		}
	}
	return nil, nil
}
