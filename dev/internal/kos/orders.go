package kos

import (
	"net/http"
	"net/url"
	"time"
)

// OK is the result code of an accepted order.
const OK = "0000"

// Order is an order in KOS's log.
type Order struct {
	RequestID  string    `json:"requestId"`
	Client     string    `json:"client"`
	Line       string    `json:"lineNumber"`
	Current    string    `json:"currentProductCode"`
	Target     string    `json:"targetProductCode"`
	ResultCode string    `json:"resultCode"`
	Status     string    `json:"status"` // APPLIED, SCHEDULED, REFUSED
	CreatedAt  time.Time `json:"createdAt"`
}

// Orders returns the whole log of a client's orders, oldest first. It is complete only while no
// order is in progress.
func (a *Admin) Orders(client string) ([]Order, error) {
	var all []Order
	query := url.Values{"client": {client}, "size": {"1000"}}
	for {
		var page struct {
			Orders []Order
			Next   *string
		}
		if err := a.send(http.MethodGet, "/admin/orders?"+query.Encode(), nil, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Orders...)
		if page.Next == nil {
			return all, nil
		}
		query.Set("after", *page.Next)
	}
}
