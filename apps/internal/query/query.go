// Package query parses query parameters. Routes declare their parameters; all
// faults of a query are reported in one validation problem.
package query

import (
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/problem"
)

// Reader reads the declared parameters of a request. Its methods return defaults
// for missing and invalid parameters and record the faults for Err.
type Reader struct {
	declared []string
	values   map[string]string // nil if there are none
	faults   map[string]string // nil if there are none
}

// New returns a reader of the query of r.
func New(r *http.Request) *Reader {
	reader := &Reader{declared: declared(r)}
	reader.parse(r.URL.RawQuery, reader.declared)
	return reader
}

// Lookup returns the decoded text of a parameter, or "" if it is missing, malformed
// or not declared.
func (r *Reader) Lookup(name string) string { return r.values[name] }

// get returns the text of a parameter, or "". It panics if the route has not
// declared it, as no request could contain it.
func (r *Reader) get(name string) string {
	if !slices.Contains(r.declared, name) {
		panic("query: the route does not declare " + name)
	}
	return r.values[name]
}

// fault records a fault of a parameter.
func (r *Reader) fault(name, message string) {
	if r.faults == nil {
		r.faults = map[string]string{}
	}
	r.faults[name] = message
}

// Err returns a validation problem with a message for each fault, or nil.
func (r *Reader) Err() error {
	if len(r.faults) == 0 {
		return nil
	}
	return problem.ErrValidation.WithFields(r.faults)
}

// Number returns an integer between 1 and limit, or fallback.
func (r *Reader) Number(name string, fallback, limit int) int {
	text := r.get(name)
	if text == "" {
		return fallback
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > limit || strconv.Itoa(n) != text {
		r.fault(name, "1 이상 "+strconv.Itoa(limit)+" 이하의 숫자여야 합니다.")
		return fallback
	}
	return n
}

// Text returns a parameter that must match pattern, or "". Message is the Korean
// message of a fault.
func (r *Reader) Text(name string, pattern *regexp.Regexp, message string) string {
	return Parsed(r, name, message, func(text string) (string, error) {
		if !pattern.MatchString(text) {
			return "", strconv.ErrSyntax
		}
		return text, nil
	})
}

// Time returns a time in the format of RFC 3339, or the zero time.
func (r *Reader) Time(name string) time.Time {
	return Parsed(r, name, "일시는 RFC 3339 형식이어야 합니다.", func(text string) (at time.Time, err error) {
		return at, at.UnmarshalText([]byte(text)) // stricter than time.Parse
	})
}

// Parsed returns a parameter parsed by parse, or the zero value. Message is the
// Korean message of a fault.
func Parsed[T any](r *Reader, name, message string, parse func(text string) (T, error)) T {
	var zero T
	text := r.get(name)
	if text == "" {
		return zero
	}
	value, err := parse(text)
	if err != nil {
		r.fault(name, message)
		return zero
	}
	return value
}

// Line returns a line number, and whether the parameter was given.
func (r *Reader) Line(name string) (line msisdn.Number, given bool) {
	line = Parsed(r, name, "회선 번호는 010-1234-5678 또는 01012345678 형식이어야 합니다.", msisdn.Parse)
	return line, r.get(name) != ""
}

// OneOf returns a parameter that must be one of values, or "".
func OneOf[T ~string](r *Reader, name string, values ...T) T {
	value := T(r.get(name))
	if value == "" || slices.Contains(values, value) {
		return value
	}
	names := make([]string, len(values))
	for i, v := range values {
		names[i] = string(v)
	}
	r.fault(name, strings.Join(names, ", ")+" 중 하나여야 합니다.")
	return ""
}

// Days returns the range from the start of startDate (inclusive) to the end of
// endDate (exclusive), both days in zone. Zero times are open ends.
func (r *Reader) Days(zone *time.Location) (from, until time.Time) {
	from = r.day("startDate", zone)
	if end := r.day("endDate", zone); !end.IsZero() {
		until = end.AddDate(0, 0, 1) // includes endDate
	}
	if !from.IsZero() && !until.IsZero() && !from.Before(until) {
		r.fault("startDate", "시작일은 종료일보다 늦을 수 없습니다.")
	}
	return from, until
}

func (r *Reader) day(name string, zone *time.Location) time.Time {
	return Parsed(r, name, "날짜는 YYYY-MM-DD 형식이어야 합니다.", func(text string) (time.Time, error) {
		return time.ParseInLocation(time.DateOnly, text, zone)
	})
}

// MaxPageSize is the maximum number of items on a page (product.md, history).
const MaxPageSize = 100

// Page returns the page of the parameters page and size, which defaults to size. It
// must end within the first depth items.
func (r *Reader) Page(size, depth int) Page {
	page := Page{Number: r.Number("page", 1, depth), Size: r.Number("size", size, MaxPageSize)}
	if page.Number*page.Size > depth {
		r.fault("page", "조회할 수 있는 범위를 벗어났습니다.")
	}
	return page
}

// Page is a part of a list.
type Page struct {
	Number int // from 1
	Size   int // maximum number of items
}

// Count returns the number of pages of total items.
func (p Page) Count(total int) int { return (total + p.Size - 1) / p.Size }

// HasNext reports whether there is a page after this one.
func (p Page) HasNext(total int) bool { return p.Number < p.Count(total) }

// HasPrevious reports whether there is a page before this one.
func (p Page) HasPrevious() bool { return p.Number > 1 }

// Offset returns the number of items before the page.
func (p Page) Offset() int { return (p.Number - 1) * p.Size }
