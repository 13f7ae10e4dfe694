package httpapi

import (
	"net/http"
	"time"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/internal/httpjson"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/query"
)

// defaultPageSize is the number of items in a page without the parameter size
// (product.md).
const defaultPageSize = 20

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
	filter, err := readFilter(r)
	if err != nil {
		return err
	}
	page, err := a.inquiries.History(r.Context(), callerOf(r), filter)
	if err != nil {
		return err
	}
	items := make([]historyItem, len(page.Records))
	for i, record := range page.Records {
		items[i] = newHistoryItem(record)
	}
	return httpjson.Success(w, http.StatusOK, historyAnswer{
		Items: items, Pagination: paginate(filter.Page, page.Total),
	}, "요금 조회 이력을 불러왔습니다.")
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

func paginate(page query.Page, total int) pagination {
	return pagination{
		CurrentPage: page.Number, TotalPages: page.Count(total), TotalItems: total, PageSize: page.Size,
		HasNext: page.HasNext(total), HasPrevious: page.HasPrevious(),
	}
}

// readFilter parses the query parameters of a history request.
func readFilter(r *http.Request) (bill.Filter, error) {
	params := query.New(r)
	filter := bill.Filter{
		Page:   params.Page(defaultPageSize, bill.MaxDepth),
		Status: query.OneOf(params, "status", bill.Processing, bill.Completed, bill.Failed),
	}
	filter.From, filter.Until = params.Days(bill.Seoul)
	if line, given := params.Line("lineNumber"); given {
		filter.Lines = []msisdn.Number{line}
	}
	return filter, params.Err()
}
