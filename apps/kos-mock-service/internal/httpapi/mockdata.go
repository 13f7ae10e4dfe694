package httpapi

import (
	"net/http"
	"regexp"

	"github.com/phonebill/phonebill/apps/internal/httpjson"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/problem"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/billing"
)

// Refusals to create demo data.
var (
	errNotRegistered = problem.New(problem.NotFound, "LINE_NOT_REGISTERED", "해당 고객으로 등록된 회선이 아닙니다.")
	errLineTaken     = problem.New(problem.Conflict, "LINE_TAKEN", "다른 고객이 사용 중인 회선입니다.")
)

// mockDataMonths is how many months of bills the answer lists.
const mockDataMonths = 6

type mockData struct {
	CustomerID    string   `json:"customerId"`
	LineNumber    string   `json:"lineNumber"`
	ProductCode   string   `json:"productCode"`
	ProductName   string   `json:"productName"`
	BillingMonths []string `json:"billingMonths"` // YYYYMM with finished bills, newest first
}

// makeMockData creates a line with a plan and six months of bills. A line that KOS knows already is
// unchanged, and only its own customer gets an answer about it.
func (a *API) makeMockData(w http.ResponseWriter, r *http.Request) error {
	customerID, number, err := readMockData(r)
	if err != nil {
		return err
	}
	current, err := a.Settings.Current(r.Context())
	if err != nil {
		return err
	}
	registered, err := a.Registrations.Registered(r.Context(), customerID, number)
	if err != nil {
		return err
	}
	if !registered {
		return errNotRegistered
	}
	terms := billing.Terms{Today: billing.Today(a.Now()), Population: current.PopulationSize}
	line, err := a.Directory.Open(r.Context(), number, customerID, terms)
	if err != nil {
		return err
	}
	if line.Customer.ID != customerID {
		return errLineTaken
	}
	return httpjson.Success(w, http.StatusOK, describeMockData(line, terms), "모의 데이터를 준비했습니다.")
}

// customerIDPattern matches the ids of customers who can register.
var customerIDPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{3,20}$`)

func readMockData(r *http.Request) (customerID string, number msisdn.Number, err error) {
	var in struct {
		CustomerID string `json:"customerId"`
		LineNumber string `json:"lineNumber"`
	}
	if err := httpjson.Decode(r, &in); err != nil {
		return "", "", err
	}
	faults := map[string]string{}
	if !customerIDPattern.MatchString(in.CustomerID) {
		faults["customerId"] = "고객 번호 형식이 올바르지 않습니다."
	}
	number, err = msisdn.Parse(in.LineNumber)
	if err != nil {
		faults["lineNumber"] = "회선 번호 형식이 올바르지 않습니다."
	}
	if len(faults) > 0 {
		return "", "", problem.ErrValidation.WithFields(faults)
	}
	return in.CustomerID, number, nil
}

func describeMockData(line billing.Line, terms billing.Terms) mockData {
	plan := line.PlanOn(terms.Today)
	months := []string{}
	for n := 1; n <= mockDataMonths; n++ {
		month := billing.MonthOf(terms.Today).Add(-n)
		if _, err := billing.BillFor(line, month, terms.Today); err == nil {
			months = append(months, month.String())
		}
	}
	return mockData{
		CustomerID: line.Customer.ID, LineNumber: line.Number.Digits(),
		ProductCode: plan.Code, ProductName: plan.Name, BillingMonths: months,
	}
}
