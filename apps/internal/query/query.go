// Package query reads the parameters of requests. Routes declare the parameters
// that they take; whatever is wrong with a query is a validation problem that
// names all of it at once.
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

// Reader reads the parameters that a route has declared. What is missing takes
// its default; what is wrong shows in Err.
type Reader struct {
	declared []string
	values   map[string]string
	faults   map[string]string
}

// New returns a reader of the query of r.
func New(r *http.Request) *Reader {
	reader := &Reader{declared: declared(r), values: map[string]string{}, faults: map[string]string{}}
	reader.parse(r.URL.RawQuery, reader.declared)
	return reader
}

// Lookup returns the text of a parameter as it was sent, or "" for one that is
// missing, wrong by itself or not declared.
func (r *Reader) Lookup(name string) string { return r.values[name] }

// get returns the value of a parameter, or "". It panics for one that the route
// has not declared, which no request could have.
func (r *Reader) get(name string) string {
	if !slices.Contains(r.declared, name) {
		panic("query: the route does not declare " + name)
	}
	return r.values[name]
}

// Err returns a validation problem with a message for each parameter that is
// wrong, or nil.
func (r *Reader) Err() error {
	if len(r.faults) == 0 {
		return nil
	}
	return problem.ErrValidation.WithFields(r.faults)
}

// Number returns a whole number from 1 to limit.
func (r *Reader) Number(name string, fallback, limit int) int {
	text := r.get(name)
	if text == "" {
		return fallback
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > limit || strconv.Itoa(n) != text {
		r.faults[name] = "1 이상 " + strconv.Itoa(limit) + " 이하의 숫자여야 합니다."
		return fallback
	}
	return n
}

// Text returns a parameter that matches pattern; message says in Korean what
// that means.
func (r *Reader) Text(name string, pattern *regexp.Regexp, message string) string {
	return Parsed(r, name, message, func(text string) (string, error) {
		if !pattern.MatchString(text) {
			return "", strconv.ErrSyntax
		}
		return text, nil
	})
}

// Time returns a time as RFC 3339 has it, or zero if the parameter is missing.
func (r *Reader) Time(name string) time.Time {
	return Parsed(r, name, "일시는 RFC 3339 형식이어야 합니다.", func(text string) (at time.Time, err error) {
		return at, at.UnmarshalText([]byte(text)) // stricter than time.Parse
	})
}

// Parsed returns what parse makes of a parameter, or zero if the parameter is
// missing; message says in Korean what parse takes.
func Parsed[T any](r *Reader, name, message string, parse func(text string) (T, error)) T {
	var none T
	text := r.get(name)
	if text == "" {
		return none
	}
	value, err := parse(text)
	if err != nil {
		r.faults[name] = message
		return none
	}
	return value
}

// Line returns a line number, or none if the parameter is missing.
func (r *Reader) Line(name string) (line msisdn.Number, given bool) {
	line = Parsed(r, name, "회선 번호는 010-1234-5678 또는 01012345678 형식이어야 합니다.", msisdn.Parse)
	return line, r.get(name) != ""
}

// OneOf returns a parameter that may only be one of values, or empty.
func OneOf[T ~string](r *Reader, name string, values ...T) T {
	value := T(r.get(name))
	if value == "" || slices.Contains(values, value) {
		return value
	}
	names := make([]string, len(values))
	for i, v := range values {
		names[i] = string(v)
	}
	r.faults[name] = strings.Join(names, ", ") + " 중 하나여야 합니다."
	return ""
}

// Days returns the time from the start of startDate to the end of endDate, two
// days in a place. A zero time is no bound.
func (r *Reader) Days(place *time.Location) (from, until time.Time) {
	from = r.day("startDate", place)
	if end := r.day("endDate", place); !end.IsZero() {
		until = end.AddDate(0, 0, 1) // the last day counts
	}
	if !from.IsZero() && !until.IsZero() && !from.Before(until) {
		r.faults["startDate"] = "시작일은 종료일보다 늦을 수 없습니다."
	}
	return from, until
}

func (r *Reader) day(name string, place *time.Location) time.Time {
	return Parsed(r, name, "날짜는 YYYY-MM-DD 형식이어야 합니다.", func(text string) (time.Time, error) {
		return time.ParseInLocation(time.DateOnly, text, place)
	})
}

// MaxPageSize is how many items a page may have (product.md, history).
const MaxPageSize = 100

// Page returns the page that page and size ask for. Only the first depth items
// can be paged through.
func (r *Reader) Page(size, depth int) Page {
	page := Page{Number: r.Number("page", 1, depth), Size: r.Number("size", size, MaxPageSize)}
	if page.Number*page.Size > depth {
		r.faults["page"] = "조회할 수 있는 범위를 벗어났습니다."
	}
	return page
}

// Page is a part of a list.
type Page struct {
	Number int // from 1
	Size   int // how many items it has at most
}

// Count returns how many pages a list of total items has.
func (p Page) Count(total int) int { return (total + p.Size - 1) / p.Size }

// HasNext reports whether there is a page after this one.
func (p Page) HasNext(total int) bool { return p.Number < p.Count(total) }

// HasPrevious reports whether there is a page before this one.
func (p Page) HasPrevious() bool { return p.Number > 1 }

// Offset is how many items come before the page.
func (p Page) Offset() int { return (p.Number - 1) * p.Size }
