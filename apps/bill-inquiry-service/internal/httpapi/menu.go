package httpapi

import (
	"net/http"
	"time"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/internal/audit"
	"github.com/phonebill/phonebill/apps/internal/httpjson"
	"github.com/phonebill/phonebill/apps/internal/jwtauth"
)

type menuAnswer struct {
	CustomerInfo    menuCustomer `json:"customerInfo"`
	AvailableMonths []bill.Month `json:"availableMonths"`
	CurrentMonth    bill.Month   `json:"currentMonth"`
	AsOf            *time.Time   `json:"asOf,omitempty"` // absent if not known
	Stale           bool         `json:"stale"`
}

type menuCustomer struct {
	CustomerID string `json:"customerId"`
	LineNumber string `json:"lineNumber"`
}

func (a *API) menu(w http.ResponseWriter, r *http.Request) error {
	caller := callerOf(r)
	if len(caller.Lines) > 0 {
		audit.SetTargetLine(r.Context(), caller.Lines[0])
	}
	menu, err := a.inquiries.Menu(r.Context(), caller)
	if err != nil {
		return err
	}
	answer := menuAnswer{
		CustomerInfo:    menuCustomer{CustomerID: jwtauth.From(r.Context()).CustomerID, LineNumber: menu.Line.Digits()},
		AvailableMonths: menu.Months,
		CurrentMonth:    menu.Current,
		Stale:           menu.Stale,
	}
	if !menu.AsOf.IsZero() {
		asOf := menu.AsOf.In(bill.Seoul)
		answer.AsOf = &asOf
	}
	return httpjson.Success(w, http.StatusOK, answer, "요금 조회 메뉴를 불러왔습니다.")
}
