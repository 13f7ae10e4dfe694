package monitoring

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/phonebill/phonebill/dev/internal/checkout"
)

// Rule is a recording or an alerting rule.
type Rule struct {
	Record, Alert, Expr, For string
	Labels, Annotations      map[string]string
	// Comment is the comment above a recording rule: its meaning.
	Comment string `yaml:"-"`
}

// Name returns the name of the rule.
func (r Rule) Name() string { return r.Record + r.Alert }

// Group is a group of rules.
type Group struct {
	Name, Interval string
	Rules          []Rule
}

// UnmarshalYAML implements yaml.Unmarshaler.
func (r *Rule) UnmarshalYAML(node *yaml.Node) error {
	type plain Rule
	if err := node.Decode((*plain)(r)); err != nil {
		return err
	}
	comment := node.HeadComment
	if comment == "" && len(node.Content) > 0 {
		comment = node.Content[0].HeadComment
	}
	r.Comment = strings.Join(strings.Fields(strings.ReplaceAll(comment, "#", "")), " ")
	return nil
}

// RuleFiles returns the paths of the files with rules.
func RuleFiles(root checkout.Checkout) ([]string, error) {
	files, err := filepath.Glob(root.Path("charts", "phonebill", "files", "rules", "*.yaml"))
	if err == nil && len(files) == 0 {
		err = os.ErrNotExist
	}
	if err != nil {
		return nil, fmt.Errorf("rules: %w", err)
	}
	return files, nil
}

// Groups returns all groups of rules.
func Groups(root checkout.Checkout) ([]Group, error) {
	files, err := RuleFiles(root)
	if err != nil {
		return nil, err
	}
	var all []Group
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var parsed struct{ Groups []Group }
		if err := yaml.Unmarshal(text, &parsed); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		all = append(all, parsed.Groups...)
	}
	return all, nil
}

// Rules returns all rules.
func Rules(root checkout.Checkout) ([]Rule, error) {
	groups, err := Groups(root)
	var all []Rule
	for _, group := range groups {
		all = append(all, group.Rules...)
	}
	return all, err
}
