package httpapi

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/phonebill/phonebill/apps/internal/httpjson"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/problem"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/change"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

// Product rule: 10 changes a page unless asked otherwise, 100 at most.
const (
	defaultPageSize = 10
	maxPageSize     = 100
)

type historyAnswer struct {
	History    []historyItem `json:"history"`
	Pagination pagination    `json:"pagination"`
}

type historyItem struct {
	RequestID          string        `json:"requestId"`
	LineNumber         string        `json:"lineNumber"`
	ProcessStatus      change.Status `json:"processStatus"`
	CurrentProductCode string        `json:"currentProductCode"`
	CurrentProductName string        `json:"currentProductName"`
	TargetProductCode  string        `json:"targetProductCode"`
	TargetProductName  string        `json:"targetProductName"`
	RequestedAt        time.Time     `json:"requestedAt"`
	ProcessedAt        *time.Time    `json:"processedAt"` // null while it runs
	ResultMessage      string        `json:"resultMessage"`
}

type pagination struct {
	Page          int  `json:"page"`
	Size          int  `json:"size"`
	TotalElements int  `json:"totalElements"`
	TotalPages    int  `json:"totalPages"`
	HasNext       bool `json:"hasNext"`
	HasPrevious   bool `json:"hasPrevious"`
}

func (a *API) history(w http.ResponseWriter, r *http.Request) error {
	filter, err := readFilter(r.URL.Query())
	if err != nil {
		return err
	}
	page, err := a.requests.History(r.Context(), asker(r), filter)
	if err != nil {
		return err
	}
	items := make([]historyItem, len(page.Changes))
	for i, c := range page.Changes {
		items[i] = newHistoryItem(c)
	}
	return httpjson.Success(w, http.StatusOK, historyAnswer{
		History: items, Pagination: paginate(filter, page.Total),
	}, "변경 이력을 확인했습니다.")
}

func newHistoryItem(c change.Change) historyItem {
	return historyItem{
		RequestID: c.RequestID, LineNumber: c.Line.Digits(), ProcessStatus: c.Status,
		CurrentProductCode: c.CurrentCode, CurrentProductName: c.CurrentName,
		TargetProductCode: c.Target.Code, TargetProductName: c.Target.Name,
		RequestedAt: c.RequestedAt.In(product.Seoul), ProcessedAt: processedAt(c), ResultMessage: message(c),
	}
}

func paginate(filter change.Filter, total int) pagination {
	pages := (total + filter.Size - 1) / filter.Size
	return pagination{
		Page: filter.Page, Size: filter.Size, TotalElements: total, TotalPages: pages,
		HasNext: filter.Page < pages, HasPrevious: filter.Page > 1,
	}
}

// readFilter reads a query, collecting what is wrong with each parameter.
func readFilter(query url.Values) (change.Filter, error) {
	faults := map[string]string{}
	filter := change.Filter{
		Page:   number(query, "page", 1, change.MaxDepth, faults),
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
			faults["lineNumber"] = lineFormat
		}
		filter.Lines = []msisdn.Number{line}
	}
	if !filter.From.IsZero() && !filter.Until.IsZero() && !filter.From.Before(filter.Until) {
		faults["startDate"] = "시작일은 종료일보다 늦을 수 없습니다."
	}
	if filter.Page*filter.Size > change.MaxDepth {
		faults["page"] = "조회할 수 있는 범위를 벗어났습니다."
	}
	if len(faults) > 0 {
		return change.Filter{}, problem.ErrValidation.WithFields(faults)
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
	t, err := time.ParseInLocation(time.DateOnly, text, product.Seoul)
	if err != nil {
		faults[name] = "날짜는 YYYY-MM-DD 형식이어야 합니다."
	}
	return t
}

func status(query url.Values, faults map[string]string) change.Status {
	switch s := change.Status(query.Get("status")); s {
	case "", change.Pending, change.Processing, change.Completed, change.Failed:
		return s
	}
	faults["status"] = "PENDING, PROCESSING, COMPLETED, FAILED 중 하나여야 합니다."
	return ""
}
