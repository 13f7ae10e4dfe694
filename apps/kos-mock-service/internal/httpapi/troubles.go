package httpapi

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/phonebill/phonebill/apps/internal/httpjson"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/problem"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/behavior"
)

// troubleRequest starts a trouble at endpoints.
type troubleRequest struct {
	Name       string              `json:"name"`
	Endpoints  []behavior.Endpoint `json:"endpoints"` // none: all but auth
	Seconds    *int                `json:"seconds"`   // default: defaultTrouble
	LineNumber string              `json:"lineNumber"`
}

const (
	defaultTrouble    = time.Minute
	maxTroubleSeconds = int(behavior.MaxTrouble / time.Second)
)

// parsedTrouble is a valid troubleRequest.
type parsedTrouble struct {
	kind      behavior.Kind
	endpoints []behavior.Endpoint
	lasting   time.Duration
	line      msisdn.Number
}

// read returns the parsed request, or all validation errors.
func (q troubleRequest) read() (parsedTrouble, error) {
	faults := map[string]string{}
	kind, known := behavior.KindOf(q.Name)
	if !known {
		faults["name"] = "알 수 없는 항목입니다."
	}
	asked := parsedTrouble{kind: kind, endpoints: q.Endpoints, lasting: defaultTrouble}
	if seconds := q.Seconds; seconds != nil {
		asked.lasting = time.Duration(*seconds) * time.Second
		if *seconds < 1 || *seconds > maxTroubleSeconds {
			faults["seconds"] = fmt.Sprintf("1 이상 %d 이하의 숫자여야 합니다.", maxTroubleSeconds)
		}
	}
	if len(asked.endpoints) == 0 {
		asked.endpoints = slices.DeleteFunc(behavior.Endpoints(), func(e behavior.Endpoint) bool { return e == behavior.Auth })
	}
	for _, endpoint := range asked.endpoints {
		if _, known := behavior.Defaults()[endpoint]; !known {
			faults["endpoints"] = "알 수 없는 항목입니다."
		}
	}
	if fault := asked.readLine(q.LineNumber); known && fault != "" {
		faults["lineNumber"] = fault
	}
	if len(faults) > 0 {
		return parsedTrouble{}, problem.ErrValidation.WithFields(faults)
	}
	return asked, nil
}

// readLine parses the line, which is required for troubles of one line and not allowed for others.
func (o *parsedTrouble) readLine(text string) (fault string) {
	if text == "" && !o.kind.OneLine {
		return ""
	}
	if !o.kind.OneLine {
		return "한 회선의 장애에만 지정할 수 있습니다."
	}
	line, err := msisdn.Parse(text)
	if err != nil {
		return "회선 번호 형식이 올바르지 않습니다."
	}
	o.line = line
	return ""
}

func (a *API) makeTrouble(w http.ResponseWriter, r *http.Request) error {
	current, err := a.Settings.Current(r.Context())
	if err != nil {
		return err
	}
	var request troubleRequest
	if err := httpjson.Decode(r, &request); err != nil {
		return err
	}
	asked, err := request.read()
	if err != nil {
		return err
	}
	overrides, err := a.Troubles.Overrides(r.Context())
	if err != nil {
		return err
	}
	now := a.Now().UTC().Truncate(time.Microsecond) // the precision of the times of calls
	troubles := make(map[behavior.Endpoint]behavior.Trouble, len(asked.endpoints))
	for _, endpoint := range asked.endpoints {
		profile := overrides[endpoint].On(current.Endpoints[endpoint])
		trouble := asked.kind.Begin(endpoint, profile, now, asked.lasting)
		trouble.Line = current.Pseudonym(asked.line)
		troubles[endpoint] = trouble
	}
	if err := a.Troubles.SetTroubles(r.Context(), troubles); err != nil {
		return err
	}
	return a.listTroubles(w, r)
}

// troubleList are the predefined troubles and the current ones.
type troubleList struct {
	Troubles []knownTrouble   `json:"troubles"`
	Now      []currentTrouble `json:"now"` // by endpoint
}

type knownTrouble struct {
	Name string `json:"name"`
	Does string `json:"does"`
}

type currentTrouble struct {
	Endpoint behavior.Endpoint `json:"endpoint"`
	Name     string            `json:"name"`
	Since    time.Time         `json:"since"`
	Until    time.Time         `json:"until"`
}

func (a *API) listTroubles(w http.ResponseWriter, r *http.Request) error {
	overrides, err := a.Troubles.Overrides(r.Context())
	if err != nil {
		return err
	}
	list := troubleList{Now: []currentTrouble{}}
	for _, kind := range behavior.Kinds() {
		list.Troubles = append(list.Troubles, knownTrouble{Name: kind.Name, Does: kind.Does})
	}
	for endpoint, override := range overrides {
		if trouble := override.Trouble; !trouble.Over(a.Now()) {
			list.Now = append(list.Now, currentTrouble{endpoint, trouble.Name, trouble.Since, trouble.Until})
		}
	}
	slices.SortFunc(list.Now, func(a, b currentTrouble) int { return cmp.Compare(a.Endpoint, b.Endpoint) })
	return httpjson.Write(w, http.StatusOK, list)
}
