package httpapi

import (
	"net/http"
	"strconv"

	"github.com/phonebill/phonebill/apps/internal/httpjson"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/problem"
	"github.com/phonebill/phonebill/apps/internal/query"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/behavior"
)

// callQuery selects calls to count. Empty fields match all.
type callQuery struct {
	Endpoint   string `json:"endpoint"`
	Client     string `json:"client"`
	RequestID  string `json:"requestId"`
	Since      string `json:"since"` // RFC 3339
	LineNumber string `json:"lineNumber"`
}

const idFormat = "64자 이하의 영문자, 숫자, '.', '_', '-'만 사용할 수 있습니다."

// countCalls takes its query from the URL, which must not contain a line number.
func (a *API) countCalls(w http.ResponseWriter, r *http.Request) error {
	params := query.New(r)
	return a.answerCount(w, r, callQuery{
		Endpoint: params.Lookup("endpoint"), Client: params.Lookup("client"),
		RequestID: params.Lookup("requestId"), Since: params.Lookup("since"),
	})
}

// countCallsOf takes its query from the body.
func (a *API) countCallsOf(w http.ResponseWriter, r *http.Request) error {
	var asked callQuery
	if err := httpjson.Decode(r, &asked); err != nil {
		return err
	}
	return a.answerCount(w, r, asked)
}

// callCounts are the calls that reached KOS, over all replicas and restarts.
type callCounts struct {
	Total        int64            `json:"total"`
	Limited      int64            `json:"limited"`    // answered with 429
	Unanswered   int64            `json:"unanswered"` // in progress, hanging or abandoned
	ByStatus     map[string]int64 `json:"byStatus"`
	ByResultCode map[string]int64 `json:"byResultCode"`
	// BusiestMinute is the maximum of one client at one endpoint, within the last day.
	BusiestMinute int64 `json:"busiestMinute"`
}

func (a *API) answerCount(w http.ResponseWriter, r *http.Request, asked callQuery) error {
	current, err := a.Settings.Current(r.Context())
	if err != nil {
		return err
	}
	filter, line, err := asked.filter()
	if err != nil {
		return err
	}
	filter.Line = current.Pseudonym(line)
	groups, err := a.CallLog.CountCalls(r.Context(), filter)
	if err != nil {
		return err
	}
	counts := sum(groups)
	if counts.BusiestMinute, err = a.CallLog.BusiestMinute(r.Context(), filter); err != nil {
		return err
	}
	return httpjson.Write(w, http.StatusOK, counts)
}

// filter returns the query without its line, and the line.
func (q callQuery) filter() (filter behavior.CallFilter, line msisdn.Number, err error) {
	faults := map[string]string{}
	filter = behavior.CallFilter{
		Endpoint: behavior.Endpoint(q.Endpoint), Client: q.Client, RequestID: q.RequestID,
	}
	if q.Since != "" {
		if err := filter.Since.UnmarshalText([]byte(q.Since)); err != nil {
			faults["since"] = "일시는 RFC 3339 형식이어야 합니다."
		}
	}
	if q.LineNumber != "" {
		if line, err = msisdn.Parse(q.LineNumber); err != nil {
			faults["lineNumber"] = "회선 번호 형식이 올바르지 않습니다."
		}
	}
	for name, id := range map[string]string{"client": q.Client, "requestId": q.RequestID} {
		if id != "" && !requestIDPattern.MatchString(id) {
			faults[name] = idFormat
		}
	}
	if _, known := behavior.Defaults()[filter.Endpoint]; q.Endpoint != "" && !known {
		faults["endpoint"] = "알 수 없는 항목입니다."
	}
	if len(faults) > 0 {
		return filter, "", problem.ErrValidation.WithFields(faults)
	}
	return filter, line, nil
}

func sum(groups []behavior.CallCount) callCounts {
	counts := callCounts{ByStatus: map[string]int64{}, ByResultCode: map[string]int64{}}
	for _, group := range groups {
		counts.Total += group.Calls
		switch group.Status {
		case 0:
			counts.Unanswered += group.Calls
			continue
		case http.StatusTooManyRequests:
			counts.Limited += group.Calls
		}
		counts.ByStatus[strconv.Itoa(group.Status)] += group.Calls
		counts.ByResultCode[group.ResultCode] += group.Calls
	}
	return counts
}
