package httpapi

import (
	"math"
	"net/http"
	"time"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/internal/audit"
	"github.com/phonebill/phonebill/apps/internal/httpjson"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/pathvalue"
	"github.com/phonebill/phonebill/apps/internal/prefer"
	"github.com/phonebill/phonebill/apps/internal/problem"
)

type inquiryRequest struct {
	LineNumber   string `json:"lineNumber"`
	InquiryMonth string `json:"inquiryMonth"`
}

// inquiryAnswer has the members that differ for each inquiry. Those of billAnswer follow.
type inquiryAnswer struct {
	RequestID     string      `json:"requestId"`
	Status        bill.Status `json:"status"`
	ProcStatus    bill.Status `json:"procStatus"` // the same, for existing clients
	ResultCode    string      `json:"resultCode"`
	ResultMessage string      `json:"resultMessage"`
}

// longestWait is the longest time until an inquiry is answered (product.md).
const longestWait = 8 * time.Second

func (a *API) inquire(w http.ResponseWriter, r *http.Request) error {
	subject, err := readInquiry(r)
	if err != nil {
		return err
	}
	audit.SetTargetLine(r.Context(), subject.Line)
	preferences, caller := prefer.Read(r.Header), callerOf(r)
	caller.Wait = preferences.Wait
	inquiry, err := a.inquiries.Inquire(r.Context(), caller, subject, preferences.Async)
	if err != nil {
		return err
	}
	preferences.Applied(w.Header(), longestWait, inquiry.Record.Status == bill.Processing)
	if inquiry.Record.Status == bill.Processing {
		w.Header().Set("Location", "/api/v1/bills/inquiry/"+inquiry.Record.RequestID)
		return httpjson.Success(w, http.StatusAccepted, newResultAnswer(inquiry), "요금 조회 요청이 접수되었습니다.")
	}
	encoded, err := a.answers.encode(&inquiry.Bill)
	if err != nil {
		return err
	}
	return httpjson.SuccessWith(w, http.StatusOK, inquiryAnswer{
		RequestID:     inquiry.Record.RequestID,
		Status:        inquiry.Record.Status,
		ProcStatus:    inquiry.Record.Status,
		ResultCode:    inquiry.Record.ResultCode,
		ResultMessage: inquiry.Record.Summary,
	}, encoded, "요금을 조회했습니다.")
}

// readInquiry parses the body of an inquiry. The month is empty if the body has none.
func readInquiry(r *http.Request) (bill.Subject, error) {
	var request inquiryRequest
	if err := httpjson.Decode(r, &request); err != nil {
		return bill.Subject{}, err
	}
	line, err := readLine(request.LineNumber)
	if err != nil || request.InquiryMonth == "" {
		return bill.Subject{Line: line}, err
	}
	month, err := bill.ParseMonth(request.InquiryMonth)
	return bill.Subject{Line: line, Month: month}, err
}

func readLine(text string) (msisdn.Number, error) {
	line, err := msisdn.Parse(text)
	if err != nil {
		return "", problem.ErrValidation.WithFields(map[string]string{
			"lineNumber": "회선 번호는 010-1234-5678 또는 01012345678 형식이어야 합니다.",
		})
	}
	return line, nil
}

// resultAnswer is the state of an inquiry. The last two fields are set while it is
// queued.
type resultAnswer struct {
	RequestID        string      `json:"requestId"`
	Status           bill.Status `json:"status"`
	Progress         int         `json:"progress"` // percent
	BillInfo         *billInfo   `json:"billInfo,omitempty"`
	AsOf             *time.Time  `json:"asOf,omitempty"`
	Stale            *bool       `json:"stale,omitempty"`
	ErrorMessage     string      `json:"errorMessage,omitempty"`
	QueuePosition    *int        `json:"queuePosition,omitempty"` // 1: next; 0: KOS is being called
	EstimatedSeconds *int        `json:"estimatedSeconds,omitempty"`
}

func newResultAnswer(inquiry bill.Inquiry) resultAnswer {
	answer := resultAnswer{RequestID: inquiry.Record.RequestID, Status: inquiry.Record.Status, Progress: 100}
	switch answer.Status {
	case bill.Processing:
		position, seconds := inquiry.Standing.Ahead+1, int(math.Ceil(inquiry.Standing.Estimate.Seconds()))
		if inquiry.Standing.Claimed {
			position = 0
		}
		answer.Progress, answer.QueuePosition, answer.EstimatedSeconds = inquiry.Standing.Progress(), &position, &seconds
	case bill.Failed:
		answer.ErrorMessage = inquiry.Record.Summary
	case bill.Completed:
		if inquiry.Bill.Line != "" {
			asOf := inquiry.Bill.AsOf.In(bill.Seoul)
			answer.BillInfo, answer.AsOf, answer.Stale = newBillInfo(inquiry.Bill), &asOf, &inquiry.Bill.Stale
		}
	}
	return answer
}

func (a *API) result(w http.ResponseWriter, r *http.Request) error {
	id, err := pathvalue.UUID(r, "requestId", bill.ErrNoInquiry)
	if err != nil {
		return err
	}
	inquiry, err := a.inquiries.Result(r.Context(), callerOf(r), id)
	if err != nil {
		return err
	}
	return httpjson.Success(w, http.StatusOK, newResultAnswer(inquiry), "요금 조회 결과를 불러왔습니다.")
}
