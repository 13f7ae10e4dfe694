// Package config reads a service's configuration from environment variables.
//
// A configuration is a struct with `env` tags. It never holds a secret; those
// come from the secret store. All faults are reported at once, so that they can
// be fixed in one deployment.
package config

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/caarlos0/env/v11"
)

// Validator is implemented by configurations, and parts of one, that have rules.
// Validate returns all faults, joined.
type Validator interface{ Validate() error }

// Load reads a T from environ ("KEY=value" entries, as returned by os.Environ),
// applies the defaults of its tags and validates it and every nested struct. The
// error names every variable that is missing or invalid.
func Load[T any](environ []string) (T, error) {
	cfg, err := env.ParseAsWithOptions[T](env.Options{Environment: env.ToMap(environ)})
	if err == nil {
		err = validate(reflect.ValueOf(&cfg).Elem())
	}
	if err != nil {
		return cfg, fmt.Errorf("configuration: %w", err)
	}
	return cfg, nil
}

// validate calls Validate on v and on the structs within it, innermost first.
func validate(v reflect.Value) error {
	if v.Kind() != reflect.Struct {
		return nil
	}
	var faults []error
	for i := range v.NumField() {
		if v.Type().Field(i).IsExported() {
			faults = append(faults, validate(v.Field(i)))
		}
	}
	if rules, ok := v.Addr().Interface().(Validator); ok {
		faults = append(faults, rules.Validate())
	}
	return errors.Join(faults...)
}

// Keys returns the environment variables that T reads. Tests use it to find
// variables that a deployment sets but no service reads.
func Keys[T any]() ([]string, error) {
	var zero T
	fields, err := env.GetFieldParams(&zero)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	keys := make([]string, 0, len(fields))
	for _, field := range fields {
		if field.Key != "" {
			keys = append(keys, field.Key)
		}
	}
	return keys, nil
}
