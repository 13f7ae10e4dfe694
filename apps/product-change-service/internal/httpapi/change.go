package httpapi

import (
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"regexp"
	"time"

	"github.com/gorilla/mux"

	"github.com/phonebill/phonebill/apps/internal/audit"
	"github.com/phonebill/phonebill/apps/internal/httpjson"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
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
	audit.About(r.Context(), order.Line.Masked())
	if !asker(r).Owns(order.Line) {
		return product.ErrNotYourLine
	}
	inspection, err := a.plans.Inspect(r.Context(), order.Line, order.Current, order.Target)
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

// Product codes are KOS's: we only want them short and plain.
var codePattern = regexp.MustCompile(`^[A-Za-z0-9._-]{1,50}$`)

// order reads what was asked for, collecting what is wrong with each field.
func (v validationRequest) order() (change.Order, error) {
	faults := map[string]string{}
	line, err := msisdn.Parse(v.LineNumber)
	if err != nil {
		faults["lineNumber"] = lineFormat
	}
	for field, code := range map[string]string{"currentProductCode": v.CurrentProductCode, "targetProductCode": v.TargetProductCode} {
		if !codePattern.MatchString(code) {
			faults[field] = "상품 코드 형식이 올바르지 않습니다."
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

// order reads what was asked for.
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

// changeAnswer is a change as it stands.
type changeAnswer struct {
	RequestID      string        `json:"requestId"`
	ProcessStatus  change.Status `json:"processStatus"`
	ResultCode     string        `json:"resultCode"`    // "" while it runs
	ResultMessage  string        `json:"resultMessage"` // of one that runs: why it waits
	ChangedProduct *plan         `json:"changedProduct"`
	WaitReason     change.Reason `json:"waitReason,omitempty"`
	EffectiveDate  change.Day    `json:"effectiveDate,omitempty"`
	LineNumber     string        `json:"lineNumber"`
	RequestedAt    time.Time     `json:"requestedAt"`
	ProcessedAt    *time.Time    `json:"processedAt"` // null while it runs
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

// message returns what people are told of a change.
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
	audit.About(r.Context(), order.Line.Masked())
	key, err := readKey(r, order)
	if err != nil {
		return err
	}
	async := httpjson.PrefersAsync(r)
	changed, err := a.requests.Ask(r.Context(), asker(r), order, key, async)
	if err != nil {
		return err
	}
	if async {
		httpjson.AppliedAsync(w)
	}
	return answerChange(w, changed, async)
}

// answerChange says what became of a change, or where that will be said.
func answerChange(w http.ResponseWriter, c change.Change, async bool) error {
	if c.Status.Final() && !async {
		return httpjson.Success(w, http.StatusOK, newChangeAnswer(c), c.ResultMessage)
	}
	w.Header().Set("Location", "/api/v1/products/change/"+c.RequestID)
	return httpjson.Success(w, http.StatusAccepted, newChangeAnswer(c), "상품 변경 요청이 접수되었습니다.")
}

// keyPattern takes any short printable text.
var keyPattern = regexp.MustCompile(`^[!-~]{1,128}$`)

// readKey returns the request's key, if it has one, with a digest of what is
// asked: of its meaning, not of how it is written.
func readKey(r *http.Request, order change.Order) (change.Key, error) {
	text := r.Header.Get("Idempotency-Key")
	if text == "" {
		return change.Key{}, nil
	}
	if !keyPattern.MatchString(text) {
		return change.Key{}, problem.ErrValidation.WithFields(map[string]string{
			"Idempotency-Key": "128자 이하의 공백 없는 영문, 숫자, 기호여야 합니다.",
		})
	}
	meaning, err := json.Marshal([]string{order.Line.Digits(), order.Current, order.Target, string(order.Effective)})
	if err != nil {
		return change.Key{}, err
	}
	digest := sha256.Sum256(meaning)
	return change.Key{Text: text, Body: digest[:]}, nil
}

func (a *API) result(w http.ResponseWriter, r *http.Request) error {
	found, err := a.requests.Result(r.Context(), asker(r), mux.Vars(r)["requestId"])
	if err != nil {
		return err
	}
	return httpjson.Success(w, http.StatusOK, newChangeAnswer(found), "상품 변경 상태를 확인했습니다.")
}
