// Package query reads the parameters of a request's query strictly, and tells
// everything that is wrong with them at once.
package query

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/problem"
)

// Reader reads parameters. What is missing takes its default; what is wrong
// shows in Err.
type Reader struct {
	values url.Values
	faults map[string]string
}

// New returns a reader of values.
func New(values url.Values) *Reader {
	return &Reader{values: values, faults: map[string]string{}}
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
	text := r.values.Get(name)
	if text == "" {
		return fallback
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > limit {
		r.faults[name] = "1 이상 " + strconv.Itoa(limit) + " 이하의 숫자여야 합니다."
		return fallback
	}
	return n
}

// Line returns a line number, or none if the parameter is missing.
func (r *Reader) Line(name string) (line msisdn.Number, given bool) {
	text := r.values.Get(name)
	if text == "" {
		return "", false
	}
	line, err := msisdn.Parse(text)
	if err != nil {
		r.faults[name] = "회선번호 형식이 올바르지 않습니다."
	}
	return line, true
}

// OneOf returns a parameter that may only be one of values, or empty.
func OneOf[T ~string](r *Reader, name string, values ...T) T {
	value := T(r.values.Get(name))
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
	text := r.values.Get(name)
	if text == "" {
		return time.Time{}
	}
	t, err := time.ParseInLocation(time.DateOnly, text, place)
	if err != nil {
		r.faults[name] = "날짜는 YYYY-MM-DD 형식이어야 합니다."
	}
	return t
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
