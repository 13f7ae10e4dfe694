package httpapi

import (
	"net/http"
	"time"

	"github.com/gorilla/mux"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/internal/audit"
	"github.com/phonebill/phonebill/apps/internal/httpjson"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/problem"
)

type inquiryRequest struct {
	LineNumber   string `json:"lineNumber"`
	InquiryMonth string `json:"inquiryMonth"`
}

type inquiryAnswer struct {
	RequestID     string        `json:"requestId"`
	Status        bill.Status   `json:"status"`
	ProcStatus    bill.Status   `json:"procStatus"` // the existing client reads it here
	ResultCode    string        `json:"resultCode"`
	ResultMessage string        `json:"resultMessage"`
	BillInfo      *billInfo     `json:"billInfo"`
	CustomerInfo  *customerInfo `json:"customerInfo"`
	AsOf          time.Time     `json:"asOf"`
	Stale         bool          `json:"stale"`
}

func (a *API) inquire(w http.ResponseWriter, r *http.Request) error {
	line, month, err := readInquiry(r)
	if err != nil {
		return err
	}
	audit.About(r.Context(), line.Masked())
	inquiry, err := a.inquiries.Inquire(r.Context(), asker(r), line, month)
	if err != nil {
		return err
	}
	return httpjson.Success(w, http.StatusOK, inquiryAnswer{
		RequestID:     inquiry.Record.RequestID,
		Status:        inquiry.Record.Status,
		ProcStatus:    inquiry.Record.Status,
		ResultCode:    inquiry.Record.ResultCode,
		ResultMessage: inquiry.Record.Summary,
		BillInfo:      newBillInfo(inquiry.Bill),
		CustomerInfo:  newCustomerInfo(inquiry.Bill.Customer),
		AsOf:          inquiry.Bill.AsOf.In(bill.Seoul),
		Stale:         inquiry.Bill.Stale,
	}, "요금을 조회했습니다.")
}

// readInquiry returns the line and the month asked for; the month is empty if
// none was given.
func readInquiry(r *http.Request) (msisdn.Number, bill.Month, error) {
	var request inquiryRequest
	if err := httpjson.Decode(r, &request); err != nil {
		return "", "", err
	}
	line, err := readLine(request.LineNumber)
	if err != nil || request.InquiryMonth == "" {
		return line, "", err
	}
	month, err := bill.ParseMonth(request.InquiryMonth)
	return line, month, err
}

func readLine(text string) (msisdn.Number, error) {
	line, err := msisdn.Parse(text)
	if err != nil {
		return "", problem.ErrValidation.WithFields(map[string]string{
			"lineNumber": "회선번호는 010-1234-5678 또는 01012345678 형식이어야 합니다.",
		})
	}
	return line, nil
}

type resultAnswer struct {
	RequestID    string      `json:"requestId"`
	Status       bill.Status `json:"status"`
	Progress     int         `json:"progress"` // percent
	BillInfo     *billInfo   `json:"billInfo,omitempty"`
	ErrorMessage string      `json:"errorMessage,omitempty"`
}

func (a *API) result(w http.ResponseWriter, r *http.Request) error {
	inquiry, err := a.inquiries.Result(r.Context(), asker(r), mux.Vars(r)["requestId"])
	if err != nil {
		return err
	}
	answer := resultAnswer{RequestID: inquiry.Record.RequestID, Status: inquiry.Record.Status, Progress: 100}
	switch answer.Status {
	case bill.Processing:
		answer.Progress = 50 // asked of KOS, not answered
	case bill.Failed:
		answer.ErrorMessage = inquiry.Record.Summary
	case bill.Completed:
		if inquiry.Bill.Line != "" {
			answer.BillInfo = newBillInfo(inquiry.Bill)
		}
	}
	return httpjson.Success(w, http.StatusOK, answer, "조회 결과를 확인했습니다.")
}
