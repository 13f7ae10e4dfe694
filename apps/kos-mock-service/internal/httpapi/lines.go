package httpapi

import (
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/phonebill/phonebill/apps/internal/httpjson"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/problem"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/billing"
)

// lineMove gives a number to another customer.
type lineMove struct {
	LineNumber   string `json:"lineNumber"`
	CustomerID   string `json:"customerId"`
	CustomerName string `json:"customerName"` // "": generated
}

// maxName is the maximum length of a customer's name.
const maxName = 50

// read returns the number and the customer, or all validation errors.
func (m lineMove) read() (msisdn.Number, billing.Customer, error) {
	faults := map[string]string{}
	number, err := msisdn.Parse(m.LineNumber)
	if err != nil {
		faults["lineNumber"] = "회선 번호 형식이 올바르지 않습니다."
	}
	if !customerIDPattern.MatchString(m.CustomerID) {
		faults["customerId"] = "고객 번호 형식이 올바르지 않습니다."
	}
	if utf8.RuneCountInString(m.CustomerName) > maxName || strings.ContainsFunc(m.CustomerName, unicode.IsControl) {
		faults["customerName"] = "50자 이하여야 하며 제어 문자는 사용할 수 없습니다."
	}
	if len(faults) > 0 {
		return "", billing.Customer{}, problem.ErrValidation.WithFields(faults)
	}
	return number, billing.Customer{ID: m.CustomerID, Name: m.CustomerName}, nil
}

// movedLine is the JSON form of a line after a move.
type movedLine struct {
	LineNumber   string `json:"lineNumber"`
	CustomerID   string `json:"customerId"`
	CustomerName string `json:"customerName"`
	ProductCode  string `json:"productCode"`
	ContractDate string `json:"contractDate"` // YYYY-MM-DD
}

func (a *API) moveLine(w http.ResponseWriter, r *http.Request) error {
	var move lineMove
	if err := httpjson.Decode(r, &move); err != nil {
		return err
	}
	number, customer, err := move.read()
	if err != nil {
		return err
	}
	current, err := a.Settings.Current(r.Context())
	if err != nil {
		return err
	}
	terms := billing.Terms{Today: billing.Today(a.Now()), Population: current.PopulationSize}
	line, err := a.Directory.Move(r.Context(), number, customer, terms)
	if err != nil {
		return err
	}
	return httpjson.Write(w, http.StatusOK, movedLine{
		LineNumber: number.Digits(), CustomerID: line.Customer.ID, CustomerName: line.Customer.Name,
		ProductCode: line.PlanOn(terms.Today).Code, ContractDate: line.Contract.Start.Format(time.DateOnly),
	})
}
