package httpapi

import (
	"net/http"
	"time"

	"github.com/phonebill/phonebill/apps/internal/audit"
	"github.com/phonebill/phonebill/apps/internal/httpjson"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/pathvalue"
	"github.com/phonebill/phonebill/apps/internal/problem"
	"github.com/phonebill/phonebill/apps/internal/query"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

type plan struct {
	ProductCode    string `json:"productCode"`
	ProductName    string `json:"productName"`
	MonthlyFee     int64  `json:"monthlyFee"`
	DataAllowance  string `json:"dataAllowance"`
	VoiceAllowance string `json:"voiceAllowance"`
	SMSAllowance   string `json:"smsAllowance"`
	OperatorCode   string `json:"operatorCode"`
}

func newPlan(p product.Product) *plan {
	return &plan{
		ProductCode: p.Code, ProductName: p.Name, MonthlyFee: p.MonthlyFee,
		DataAllowance: p.Data, VoiceAllowance: p.Voice, SMSAllowance: p.SMS, OperatorCode: p.Operator,
	}
}

type menuAnswer struct {
	CustomerID     string     `json:"customerId"`
	LineNumber     string     `json:"lineNumber"`
	CurrentProduct *plan      `json:"currentProduct"`
	MenuItems      []menuItem `json:"menuItems"`
	AsOf           time.Time  `json:"asOf"`
	Stale          bool       `json:"stale"`
}

type menuItem struct {
	MenuID      string `json:"menuId"`
	MenuName    string `json:"menuName"`
	Description string `json:"description"`
}

var menuItems = []menuItem{
	{"CURRENT_PRODUCT", "현재 상품 조회", "이용 중인 상품과 약정 정보를 확인합니다."},
	{"AVAILABLE_PRODUCTS", "변경 가능 상품", "변경할 수 있는 상품을 비교합니다."},
	{"PRODUCT_CHANGE", "상품 변경", "다른 상품으로 변경합니다."},
	{"CHANGE_HISTORY", "변경 이력", "상품 변경 요청과 결과를 확인합니다."},
}

func (a *API) menu(w http.ResponseWriter, r *http.Request) error {
	own, err := firstLine(r)
	if err != nil {
		return err
	}
	preferences, wait := readPrefer(r)
	subscriber, err := a.Plans.Subscriber(r.Context(), own, wait)
	if err != nil {
		return queued(w, r, preferences, err)
	}
	preferences.Applied(w.Header(), longestWait, false)
	return httpjson.Success(w, http.StatusOK, menuAnswer{
		CustomerID: subscriber.CustomerID, LineNumber: own.Line.Digits(),
		CurrentProduct: newPlan(subscriber.Product), MenuItems: menuItems,
		AsOf: subscriber.AsOf.In(product.Seoul), Stale: subscriber.Stale,
	}, "상품 변경 메뉴를 불러왔습니다.")
}

type customerAnswer struct {
	CustomerID     string       `json:"customerId"`
	LineNumber     string       `json:"lineNumber"`
	CustomerName   string       `json:"customerName"`
	LineStatus     string       `json:"lineStatus"`
	CurrentProduct *plan        `json:"currentProduct"`
	ContractInfo   contractInfo `json:"contractInfo"`
	AsOf           time.Time    `json:"asOf"`
	Stale          bool         `json:"stale"`
}

type contractInfo struct {
	ContractDate        string  `json:"contractDate"` // YYYY-MM-DD
	TermEndDate         *string `json:"termEndDate"`  // null if there is no term
	EarlyTerminationFee int64   `json:"earlyTerminationFee"`
}

// customer answers for the line in the query, or for the caller's first line.
func (a *API) customer(w http.ResponseWriter, r *http.Request) error {
	params := query.New(r)
	line, given := params.Line("lineNumber")
	if err := params.Err(); err != nil {
		return err
	}
	if !given {
		own, err := firstLine(r)
		if err != nil {
			return err
		}
		line = own.Line
	}
	return a.answerCustomer(w, r, line)
}

// customerOfLine answers for the line in the path.
func (a *API) customerOfLine(w http.ResponseWriter, r *http.Request) error {
	line, err := pathvalue.Get(r, "lineNumber", msisdn.Parse, errLine)
	if err != nil {
		return err
	}
	return a.answerCustomer(w, r, line)
}

func (a *API) answerCustomer(w http.ResponseWriter, r *http.Request, line msisdn.Number) error {
	own, err := ownLine(r, line)
	if err != nil {
		return err
	}
	preferences, wait := readPrefer(r)
	subscriber, err := a.Plans.Subscriber(r.Context(), own, wait)
	if err != nil {
		return queued(w, r, preferences, err)
	}
	preferences.Applied(w.Header(), longestWait, false)
	return httpjson.Success(w, http.StatusOK, newCustomerAnswer(subscriber), "고객 상품 정보를 불러왔습니다.")
}

func newCustomerAnswer(s product.Subscriber) customerAnswer {
	answer := customerAnswer{
		CustomerID: s.CustomerID, LineNumber: s.Line.Digits(), CustomerName: s.CustomerName, LineStatus: s.LineStatus,
		CurrentProduct: newPlan(s.Product),
		ContractInfo:   contractInfo{ContractDate: s.Contract.Date, EarlyTerminationFee: s.Contract.TerminationFee},
		AsOf:           s.AsOf.In(product.Seoul), Stale: s.Stale,
	}
	if s.Contract.TermEnd != "" {
		answer.ContractInfo.TermEndDate = &s.Contract.TermEnd
	}
	return answer
}

type offer struct {
	plan
	Description string `json:"description"`
	Available   bool   `json:"available"`
	IsAvailable bool   `json:"isAvailable"` // the existing client reads it here
}

type availableAnswer struct {
	Products   []offer   `json:"products"`
	TotalCount int       `json:"totalCount"`
	AsOf       time.Time `json:"asOf"`
	Stale      bool      `json:"stale"`
}

// available answers with the plans that the caller may change to. The query may name
// another current plan or operator.
func (a *API) available(w http.ResponseWriter, r *http.Request) error {
	own, err := firstLine(r)
	if err != nil {
		return err
	}
	params := query.New(r)
	current := params.Text("currentProductCode", codePattern, codeFormat)
	operator := params.Text("operatorCode", codePattern, "통신사 코드 형식이 올바르지 않습니다.")
	if err := params.Err(); err != nil {
		return err
	}
	preferences, wait := readPrefer(r)
	catalogue, err := a.Plans.Offers(r.Context(), own, current, operator, wait)
	if err != nil {
		return queued(w, r, preferences, err)
	}
	preferences.Applied(w.Header(), longestWait, false)
	offers := make([]offer, len(catalogue.Products))
	for i, p := range catalogue.Products {
		offers[i] = offer{plan: *newPlan(p), Description: p.Description, Available: true, IsAvailable: true}
	}
	return httpjson.Success(w, http.StatusOK, availableAnswer{
		Products: offers, TotalCount: len(offers), AsOf: catalogue.AsOf.In(product.Seoul), Stale: catalogue.Stale,
	}, "변경 가능한 상품을 불러왔습니다.")
}

// firstLine returns the caller's first line. It returns ErrNotYourLine if the
// caller has none.
func firstLine(r *http.Request) (product.Subscription, error) {
	lines := callerOf(r).Lines
	if len(lines) == 0 {
		return product.Subscription{}, product.ErrNotYourLine
	}
	return ownLine(r, lines[0])
}

// ownLine returns the line as the caller's. It returns ErrNotYourLine if it is
// another customer's.
func ownLine(r *http.Request, line msisdn.Number) (product.Subscription, error) {
	audit.SetTarget(r.Context(), line.Masked())
	caller := callerOf(r)
	if !caller.Owns(line) {
		return product.Subscription{}, product.ErrNotYourLine
	}
	return caller.Subscription(line), nil
}

const lineFormat = "회선 번호는 010-1234-5678 또는 01012345678 형식이어야 합니다."

var errLine = problem.ErrValidation.WithFields(map[string]string{"lineNumber": lineFormat})
