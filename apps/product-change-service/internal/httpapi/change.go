package httpapi

import (
	"net/http"
	"regexp"
	"time"

	"github.com/phonebill/phonebill/apps/internal/audit"
	"github.com/phonebill/phonebill/apps/internal/httpjson"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/pathvalue"
	"github.com/phonebill/phonebill/apps/internal/prefer"
	"github.com/phonebill/phonebill/apps/internal/problem"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/change"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

type validationRequest struct {
	LineNumber         string `json:"lineNumber"`
	CurrentProductCode string `json:"currentProductCode"`
	TargetProductCode  string `json:"targetProductCode"`
}

type validationAnswer struct {
	ValidationResult  string               `json:"validationResult"` // SUCCESS, FAILURE
	ValidationDetails []change.CheckResult `json:"validationDetails"`
	FailureReason     string               `json:"failureReason,omitempty"`
}

func (a *API) validate(w http.ResponseWriter, r *http.Request) error {
	var request validationRequest
	if err := httpjson.Decode(r, &request); err != nil {
		return err
	}
	order, err := request.order()
	if err != nil {
		return err
	}
	audit.SetTarget(r.Context(), order.Line.Masked())
	caller := callerOf(r)
	if !caller.Owns(order.Line) {
		return product.ErrNotYourLine
	}
	inspection, err := a.Plans.PreCheck(r.Context(), caller.Subscription(order.Line), order.Current, order.Target)
	if err != nil {
		return err
	}
	answer := validationAnswer{
		ValidationResult: "SUCCESS", ValidationDetails: change.Results(inspection.Checks),
		FailureReason: inspection.FailureReason(),
	}
	if !inspection.Passed() {
		answer.ValidationResult = "FAILURE"
	}
	return httpjson.Success(w, http.StatusOK, answer, "상품 변경 가능 여부를 확인했습니다.")
}

// codePattern accepts every product code of KOS; KOS defines the codes.
var codePattern = regexp.MustCompile(`^[A-Za-z0-9._-]{1,50}$`)

const codeFormat = "상품 코드 형식이 올바르지 않습니다."

// order returns the parsed order. It returns an error that names each invalid field.
func (v validationRequest) order() (change.Order, error) {
	faults := map[string]string{}
	line, err := msisdn.Parse(v.LineNumber)
	if err != nil {
		faults["lineNumber"] = lineFormat
	}
	for field, code := range map[string]string{"currentProductCode": v.CurrentProductCode, "targetProductCode": v.TargetProductCode} {
		if !codePattern.MatchString(code) {
			faults[field] = codeFormat
		}
	}
	if len(faults) > 0 {
		return change.Order{}, problem.ErrValidation.WithFields(faults)
	}
	return change.Order{Line: line, Current: v.CurrentProductCode, Target: v.TargetProductCode}, nil
}

type changeRequest struct {
	validationRequest
	ChangeEffectiveDate string `json:"changeEffectiveDate"`
}

// order returns the parsed order.
func (c changeRequest) order() (change.Order, error) {
	order, err := c.validationRequest.order()
	if err != nil {
		return change.Order{}, err
	}
	if c.ChangeEffectiveDate != "" {
		if _, err := time.Parse(time.DateOnly, c.ChangeEffectiveDate); err != nil {
			return change.Order{}, problem.ErrValidation.WithFields(map[string]string{
				"changeEffectiveDate": "날짜는 YYYY-MM-DD 형식이어야 합니다.",
			})
		}
		order.Effective = change.Day(c.ChangeEffectiveDate)
	}
	return order, nil
}

// changeAnswer is the state of a change.
type changeAnswer struct {
	RequestID      string        `json:"requestId"`
	ProcessStatus  change.Status `json:"processStatus"`
	ResultCode     string        `json:"resultCode"`    // "" while it is in progress
	ResultMessage  string        `json:"resultMessage"` // while it is in progress: why it waits
	ChangedProduct *plan         `json:"changedProduct"`
	WaitReason     change.Reason `json:"waitReason,omitempty"`
	EffectiveDate  change.Day    `json:"effectiveDate,omitempty"`
	LineNumber     string        `json:"lineNumber"`
	RequestedAt    time.Time     `json:"requestedAt"`
	ProcessedAt    *time.Time    `json:"processedAt"` // null while it is in progress
}

func newChangeAnswer(c change.Change) changeAnswer {
	answer := changeAnswer{
		RequestID: c.RequestID, ProcessStatus: c.Status, ResultCode: c.ResultCode, ResultMessage: message(c),
		WaitReason: c.Waiting, EffectiveDate: c.Effective, LineNumber: c.Line.Digits(),
		RequestedAt: c.RequestedAt.In(product.Seoul), ProcessedAt: processedAt(c),
	}
	if c.Status == change.Completed {
		answer.ChangedProduct = newPlan(c.Target)
	}
	return answer
}

func processedAt(c change.Change) *time.Time {
	if c.ProcessedAt.IsZero() {
		return nil
	}
	at := c.ProcessedAt.In(product.Seoul)
	return &at
}

// message returns the message about a change for customers.
func message(c change.Change) string {
	if c.Status.Final() {
		return c.ResultMessage
	}
	switch c.Waiting {
	case change.KOSUnavailable, change.KOSBusy:
		return "통신사 시스템의 응답을 기다리고 있습니다."
	case change.Queued, change.Limit:
		return "앞선 요청이 많아 순서를 기다리고 있습니다."
	}
	return "상품 변경을 처리하고 있습니다."
}

func (a *API) change(w http.ResponseWriter, r *http.Request) error {
	var request changeRequest
	if err := httpjson.Decode(r, &request); err != nil {
		return err
	}
	order, err := request.order()
	if err != nil {
		return err
	}
	audit.SetTarget(r.Context(), order.Line.Masked())
	key, err := readKey(r.Header)
	if err != nil {
		return err
	}
	preferences, caller := prefer.Read(r.Header), callerOf(r)
	caller.Wait = preferences.Wait
	changed, err := a.Requests.Submit(r.Context(), caller, order, change.Key{Text: key}, preferences.Async)
	if err != nil {
		return err
	}
	// Without a wait, respond-async gets 202 even if the change is final.
	later := !changed.Status.Final() || preferences.Async && preferences.Wait == nil
	preferences.Applied(w.Header(), longestWait, later)
	return answerChange(w, changed, later)
}

// longestWait is the longest wait of a client (product.md).
const longestWait = 8 * time.Second

// answerChange writes the outcome of a change, or with later its location.
func answerChange(w http.ResponseWriter, c change.Change, later bool) error {
	if !later {
		return httpjson.Success(w, http.StatusOK, newChangeAnswer(c), c.ResultMessage)
	}
	w.Header().Set("Location", "/api/v1/products/change/"+c.RequestID)
	return httpjson.Success(w, http.StatusAccepted, newChangeAnswer(c), "상품 변경 요청이 접수되었습니다.")
}

var keyPattern = regexp.MustCompile(`^[!-~]{1,255}$`)

// readKey returns the request's Idempotency-Key, or "" if it has none.
func readKey(header http.Header) (string, error) {
	values := header.Values("Idempotency-Key")
	if len(values) == 0 {
		return "", nil
	}
	if len(values) > 1 || !keyPattern.MatchString(values[0]) {
		return "", problem.ErrValidation.WithFields(map[string]string{
			"Idempotency-Key": "공백 없는 1~255자의 영문자, 숫자, 기호로 한 번만 지정해야 합니다.",
		})
	}
	return values[0], nil
}

func (a *API) result(w http.ResponseWriter, r *http.Request) error {
	id, err := pathvalue.UUID(r, "requestId", change.ErrNoChange)
	if err != nil {
		return err
	}
	found, err := a.Requests.Result(r.Context(), callerOf(r), id)
	if err != nil {
		return err
	}
	return httpjson.Success(w, http.StatusOK, newChangeAnswer(found), "상품 변경 상태를 불러왔습니다.")
}
