package httpapi

import (
	"net/http"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/internal/httpjson"
	"github.com/phonebill/phonebill/apps/internal/jwtauth"
)

type menuAnswer struct {
	CustomerInfo    menuCustomer `json:"customerInfo"`
	AvailableMonths []bill.Month `json:"availableMonths"`
	CurrentMonth    bill.Month   `json:"currentMonth"`
}

type menuCustomer struct {
	CustomerID string `json:"customerId"`
	LineNumber string `json:"lineNumber"`
}

func (a *API) menu(w http.ResponseWriter, r *http.Request) error {
	menu, err := a.inquiries.Menu(r.Context(), asker(r))
	if err != nil {
		return err
	}
	return httpjson.Success(w, http.StatusOK, menuAnswer{
		CustomerInfo:    menuCustomer{CustomerID: jwtauth.From(r.Context()).CustomerID, LineNumber: menu.Line.Digits()},
		AvailableMonths: menu.Months,
		CurrentMonth:    menu.Current,
	}, "요금조회 메뉴를 조회했습니다.")
}
