package httpapi

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/internal/httpjson"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/problem"
)

// Product rule: 20 items a page unless asked otherwise, 100 at most.
const (
	defaultPageSize = 20
	maxPageSize     = 100
)

type historyAnswer struct {
	Items      []historyItem `json:"items"`
	Pagination pagination    `json:"pagination"`
}

type historyItem struct {
	RequestID     string      `json:"requestId"`
	LineNumber    string      `json:"lineNumber"`
	InquiryMonth  bill.Month  `json:"inquiryMonth"`
	RequestTime   time.Time   `json:"requestTime"`
	ProcessTime   *time.Time  `json:"processTime"` // null while processing
	Status        bill.Status `json:"status"`
	ResultSummary string      `json:"resultSummary"`
}

type pagination struct {
	CurrentPage int  `json:"currentPage"`
	TotalPages  int  `json:"totalPages"`
	TotalItems  int  `json:"totalItems"`
	PageSize    int  `json:"pageSize"`
	HasNext     bool `json:"hasNext"`
	HasPrevious bool `json:"hasPrevious"`
}

func (a *API) history(w http.ResponseWriter, r *http.Request) error {
	filter, err := readFilter(r.URL.Query())
	if err != nil {
		return err
	}
	page, err := a.inquiries.History(r.Context(), asker(r), filter)
	if err != nil {
		return err
	}
	items := make([]historyItem, len(page.Records))
	for i, record := range page.Records {
		items[i] = newHistoryItem(record)
	}
	return httpjson.Success(w, http.StatusOK, historyAnswer{
		Items: items, Pagination: paginate(filter, page.Total),
	}, "조회 이력을 확인했습니다.")
}

func newHistoryItem(r bill.Record) historyItem {
	item := historyItem{
		RequestID: r.RequestID, LineNumber: r.Line.Digits(), InquiryMonth: r.Month,
		RequestTime: r.RequestedAt.In(bill.Seoul), Status: r.Status, ResultSummary: r.Summary,
	}
	if !r.ProcessedAt.IsZero() {
		processed := r.ProcessedAt.In(bill.Seoul)
		item.ProcessTime = &processed
	}
	return item
}

func paginate(filter bill.Filter, total int) pagination {
	pages := (total + filter.Size - 1) / filter.Size
	return pagination{
		CurrentPage: filter.Page, TotalPages: pages, TotalItems: total, PageSize: filter.Size,
		HasNext: filter.Page < pages, HasPrevious: filter.Page > 1,
	}
}

// readFilter reads a query, collecting what is wrong with each parameter.
func readFilter(query url.Values) (bill.Filter, error) {
	faults := map[string]string{}
	filter := bill.Filter{
		Page:   number(query, "page", 1, bill.MaxDepth, faults),
		Size:   number(query, "size", defaultPageSize, maxPageSize, faults),
		From:   day(query, "startDate", faults),
		Status: status(query, faults),
	}
	if end := day(query, "endDate", faults); !end.IsZero() {
		filter.Until = end.AddDate(0, 0, 1) // the last day counts
	}
	if text := query.Get("lineNumber"); text != "" {
		line, err := msisdn.Parse(text)
		if err != nil {
			faults["lineNumber"] = "회선번호 형식이 올바르지 않습니다."
		}
		filter.Lines = []msisdn.Number{line}
	}
	if !filter.From.IsZero() && !filter.Until.IsZero() && !filter.From.Before(filter.Until) {
		faults["startDate"] = "시작일은 종료일보다 늦을 수 없습니다."
	}
	if filter.Page*filter.Size > bill.MaxDepth {
		faults["page"] = "조회할 수 있는 범위를 벗어났습니다."
	}
	if len(faults) > 0 {
		return bill.Filter{}, problem.ErrValidation.WithFields(faults)
	}
	return filter, nil
}

// number returns a whole number from 1 to limit.
func number(query url.Values, name string, fallback, limit int, faults map[string]string) int {
	text := query.Get(name)
	if text == "" {
		return fallback
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > limit {
		faults[name] = "1 이상 " + strconv.Itoa(limit) + " 이하의 숫자여야 합니다."
		return fallback
	}
	return n
}

// day returns the start of a day in Seoul, or zero if none is given.
func day(query url.Values, name string, faults map[string]string) time.Time {
	text := query.Get(name)
	if text == "" {
		return time.Time{}
	}
	t, err := time.ParseInLocation(time.DateOnly, text, bill.Seoul)
	if err != nil {
		faults[name] = "날짜는 YYYY-MM-DD 형식이어야 합니다."
	}
	return t
}

func status(query url.Values, faults map[string]string) bill.Status {
	switch s := bill.Status(query.Get("status")); s {
	case "", bill.Processing, bill.Completed, bill.Failed:
		return s
	}
	faults["status"] = "PROCESSING, COMPLETED, FAILED 중 하나여야 합니다."
	return ""
}
