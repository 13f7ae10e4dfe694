package httpapi

import (
	"net/http"
	"regexp"
	"time"

	"github.com/phonebill/phonebill/apps/internal/audit"
	"github.com/phonebill/phonebill/apps/internal/httpjson"
	"github.com/phonebill/phonebill/apps/internal/query"
)

// seoul is the time zone of dates in the API (product.md). Korea has not used daylight saving time
// since 1988.
var seoul = time.FixedZone("KST", 9*60*60)

// event is the JSON form of an audit event.
type event struct {
	EventID   string    `json:"event_id"`
	At        time.Time `json:"at"`
	Actor     string    `json:"actor"`
	SessionID string    `json:"session_id"`
	Action    string    `json:"action"`
	Target    string    `json:"target"`
	Detail    string    `json:"detail"`
	Outcome   string    `json:"outcome"`
	TraceID   string    `json:"trace_id"`
	Address   string    `json:"address"`
}

func eventOf(e audit.Event) event {
	return event{
		EventID: e.ID.String(), At: e.At.In(seoul), Actor: e.Actor, SessionID: e.SessionID,
		Action: e.Action, Target: e.Target, Detail: e.Detail, Outcome: string(e.Outcome),
		TraceID: e.TraceID, Address: e.Address,
	}
}

func (a *API) events(w http.ResponseWriter, r *http.Request) error {
	type answer struct {
		Events []event `json:"events"`
		Next   *string `json:"next"`
	}
	filter, err := readAuditFilter(r)
	if err != nil {
		return err
	}
	size := filter.Size
	filter.Size++ // one more than the page, to know whether there is a next page
	found, err := a.admin.Events(r.Context(), filter)
	if err != nil {
		return err
	}
	out := answer{Events: make([]event, 0, size)}
	for i, e := range found {
		if i == size {
			out.Next = orNull(audit.CursorOf(found[size-1]).String())
			break
		}
		out.Events = append(out.Events, eventOf(e))
	}
	return httpjson.Write(w, http.StatusOK, out)
}

// wordPattern matches the text fields of audit events.
var wordPattern = regexp.MustCompile(`^[ -~]{1,200}$`)

func readAuditFilter(r *http.Request) (audit.Filter, error) {
	reader := query.New(r)
	word := func(name string) string {
		return reader.Text(name, wordPattern, "200자 이하의 ASCII 문자만 사용할 수 있습니다.")
	}
	filter := audit.Filter{
		Actor: word("actor"), Target: word("target"), Action: word("action"),
		Outcome: query.OneOf(reader, "outcome", audit.Done, audit.Unchanged, audit.Denied),
		Size:    reader.Number("size", defaultPageSize, query.MaxPageSize),
		Before:  query.Parsed(reader, "before", "이전 응답의 next 값이어야 합니다.", audit.ParseCursor),
	}
	filter.From, filter.Until = reader.Days(seoul)
	return filter, reader.Err()
}
