package client

import (
	"reflect"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// complete returns an error unless text, which was decoded into out, has every member that
// out's type requires, and none of them null. Pointers are not required.
func complete(text jsontext.Value, out any) error {
	return lacks(text, reflect.TypeOf(out).Elem())
}

// lacks returns an error if text lacks a member that a value of type t requires.
func lacks(text jsontext.Value, t reflect.Type) error {
	switch {
	case t.Kind() == reflect.Pointer && text.Kind() == 'n', t == reflect.TypeFor[jsontext.Value]():
		return nil
	case t.Kind() == reflect.Pointer:
		return lacks(text, t.Elem())
	case text.Kind() == 'n':
		return NewAnswerError(Shape, "null")
	case t.Kind() == reflect.Struct:
		var members map[string]jsontext.Value
		if err := json.Unmarshal(text, &members); err != nil {
			return NewAnswerError(Shape, "not an object")
		}
		return lacksMember(members, t)
	case t.Kind() == reflect.Slice:
		var items []jsontext.Value
		if err := json.Unmarshal(text, &items); err != nil {
			return NewAnswerError(Shape, "not an array")
		}
		for _, item := range items {
			if err := lacks(item, t.Elem()); err != nil {
				return err
			}
		}
	}
	return nil
}

func lacksMember(members map[string]jsontext.Value, t reflect.Type) error {
	for field := range t.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		value, there := members[name]
		if field.Anonymous && name == "" { // its members are inlined
			if err := lacksMember(members, field.Type); err != nil {
				return err
			}
			continue
		}
		if name == "" || !there && field.Type.Kind() == reflect.Pointer {
			continue // not a member, or optional
		}
		if !there {
			return NewAnswerError(Shape, "no "+name)
		}
		if err := lacks(value, field.Type); err != nil {
			return err
		}
	}
	return nil
}
