package httpapi

import (
	"net/http"
	"time"

	"github.com/phonebill/phonebill/apps/internal/httpjson"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/query"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/change"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

// defaultPageSize is the size of a page without the parameter size (product.md).
const defaultPageSize = 10

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
	ProcessedAt        *time.Time    `json:"processedAt"` // null while it is in progress
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
	filter, err := readFilter(r)
	if err != nil {
		return err
	}
	page, err := a.Requests.History(r.Context(), callerOf(r), filter)
	if err != nil {
		return err
	}
	items := make([]historyItem, len(page.Changes))
	for i, c := range page.Changes {
		items[i] = newHistoryItem(c)
	}
	return httpjson.Success(w, http.StatusOK, historyAnswer{
		History: items, Pagination: paginate(filter.Page, page.Total),
	}, "상품 변경 이력을 불러왔습니다.")
}

func newHistoryItem(c change.Change) historyItem {
	return historyItem{
		RequestID: c.RequestID, LineNumber: c.Line.Digits(), ProcessStatus: c.Status,
		CurrentProductCode: c.CurrentCode, CurrentProductName: c.CurrentName,
		TargetProductCode: c.Target.Code, TargetProductName: c.Target.Name,
		RequestedAt: c.RequestedAt.In(product.Seoul), ProcessedAt: processedAt(c), ResultMessage: message(c),
	}
}

func paginate(page query.Page, total int) pagination {
	return pagination{
		Page: page.Number, Size: page.Size, TotalElements: total, TotalPages: page.Count(total),
		HasNext: page.HasNext(total), HasPrevious: page.HasPrevious(),
	}
}

// readFilter returns the filter of the query.
func readFilter(r *http.Request) (change.Filter, error) {
	params := query.New(r)
	filter := change.Filter{
		Page:   params.Page(defaultPageSize, change.MaxDepth),
		Status: query.OneOf(params, "status", change.Pending, change.Processing, change.Completed, change.Failed),
	}
	filter.From, filter.Until = params.Days(product.Seoul)
	if line, given := params.Line("lineNumber"); given {
		filter.Lines = []msisdn.Number{line}
	}
	return filter, params.Err()
}
