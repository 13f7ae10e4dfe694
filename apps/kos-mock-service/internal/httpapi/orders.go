package httpapi

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/phonebill/phonebill/apps/internal/httpjson"
	"github.com/phonebill/phonebill/apps/internal/query"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/billing"
)

// Page sizes of the order log.
const (
	usualOrders = 100
	maxOrders   = 1000
)

// orderPage is a page of the order log, oldest first.
type orderPage struct {
	Orders []loggedOrder `json:"orders"`
	Next   *string       `json:"next"` // cursor of the next page; null: no more for now
}

// loggedOrder is the JSON form of an order for audits. It contains the whole line number, so that
// audits can compare it with other data.
type loggedOrder struct {
	RequestID          string     `json:"requestId"`
	Client             string     `json:"client"`
	LineNumber         string     `json:"lineNumber"`
	CurrentProductCode string     `json:"currentProductCode"`
	TargetProductCode  string     `json:"targetProductCode"`
	RequestedDate      *string    `json:"requestedDate"` // YYYY-MM-DD; null: at once
	ResultCode         string     `json:"resultCode"`
	Status             string     `json:"status"`        // APPLIED, SCHEDULED, REFUSED: as answered
	Applied            bool       `json:"applied"`       // by now
	OrderNumber        *string    `json:"orderNumber"`   // null for a refusal, like the fields below
	EffectiveDate      *string    `json:"effectiveDate"` // YYYY-MM-DD
	CreatedAt          time.Time  `json:"createdAt"`
	AppliedAt          *time.Time `json:"appliedAt"` // may be in the future
}

func (a *API) listOrders(w http.ResponseWriter, r *http.Request) error {
	filter, err := readOrderFilter(r)
	if err != nil {
		return err
	}
	filter.Size++ // one more than the page, to know whether there are more
	orders, err := a.OrderLog.Orders(r.Context(), filter)
	if err != nil {
		return err
	}
	page := orderPage{Orders: []loggedOrder{}}
	if len(orders) == filter.Size {
		orders = orders[:filter.Size-1]
		next := formatMark(orders[len(orders)-1].Mark())
		page.Next = &next
	}
	now := a.Now()
	for _, placed := range orders {
		page.Orders = append(page.Orders, describeLogged(placed, now))
	}
	return httpjson.Write(w, http.StatusOK, page)
}

func describeLogged(placed billing.Placed, now time.Time) loggedOrder {
	logged := loggedOrder{
		RequestID: placed.RequestID, Client: placed.Client, LineNumber: placed.Number.Digits(),
		CurrentProductCode: placed.Current, TargetProductCode: placed.Target, RequestedDate: dateOrNull(placed.On),
		ResultCode: placed.ResultCode(), Status: orderStatus(placed), Applied: placed.Applied(now),
		EffectiveDate: dateOrNull(placed.EffectiveFrom), CreatedAt: placed.CreatedAt.UTC(),
	}
	if placed.Refusal == nil {
		number, at := placed.OrderNumber(), placed.AppliedAt.UTC()
		logged.OrderNumber, logged.AppliedAt = &number, &at
	}
	return logged
}

func dateOrNull(day time.Time) *string {
	if day.IsZero() {
		return nil
	}
	text := day.Format(time.DateOnly)
	return &text
}

func readOrderFilter(r *http.Request) (billing.OrderFilter, error) {
	params := query.New(r)
	filter := billing.OrderFilter{
		Client: params.Text("client", requestIDPattern, idFormat),
		Since:  params.Time("since"),
		After:  query.Parsed(params, "after", "이전 응답의 next 값이어야 합니다.", parseMark),
		Size:   params.Number("size", usualOrders, maxOrders),
	}
	return filter, params.Err()
}

// A cursor consists of microseconds since 1970, the database's precision, and the order's id.

func formatMark(mark billing.OrderMark) string {
	return fmt.Sprintf("%d-%d", mark.At.UnixMicro(), mark.ID)
}

func parseMark(text string) (billing.OrderMark, error) {
	at, id, _ := strings.Cut(text, "-")
	micros, err := strconv.ParseUint(at, 10, 53) // beyond any real date, and within the database's range
	if err != nil {
		return billing.OrderMark{}, err
	}
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return billing.OrderMark{}, err
	}
	mark := billing.OrderMark{At: time.UnixMicro(int64(micros)), ID: n}
	if formatMark(mark) != text { // refuses other spellings that the parsers accept
		return billing.OrderMark{}, strconv.ErrSyntax
	}
	return mark, nil
}
