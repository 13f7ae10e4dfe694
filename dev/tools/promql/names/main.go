// Command names parses PromQL queries. It reads them from standard input as a JSON array, and
// writes the names of the metrics of each to standard output, in the same order. It fails if one
// is no query, or selects series without the name of a metric.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/prometheus/prometheus/promql/parser"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "names:", err)
		os.Exit(1)
	}
}

func run() error {
	var queries []string
	if err := json.NewDecoder(os.Stdin).Decode(&queries); err != nil {
		return err
	}
	results := make([][]string, 0, len(queries))
	for _, query := range queries {
		names, err := namesOf(query)
		if err != nil {
			return fmt.Errorf("%s: %w", query, err)
		}
		results = append(results, names)
	}
	return json.NewEncoder(os.Stdout).Encode(results)
}

func namesOf(query string) ([]string, error) {
	expression, err := parser.NewParser(parser.Options{}).ParseExpr(query)
	if err != nil {
		return nil, err
	}
	names := []string{}
	parser.Inspect(expression, func(node parser.Node, _ []parser.Node) error {
		selector, ok := node.(*parser.VectorSelector)
		if ok && selector.Name == "" {
			err = fmt.Errorf("no name in %s", selector)
		}
		if ok {
			names = append(names, selector.Name)
		}
		return nil
	})
	return names, err
}
