package httpapi

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/phonebill/phonebill/apps/internal/httpjson"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/pathvalue"
	"github.com/phonebill/phonebill/apps/internal/problem"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/behavior"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/settings"
)

// behaviorChange is a new override, which replaces the previous one.
type behaviorChange struct {
	Latency        *behavior.Latency `json:"latency"`
	ErrorShare     *float64          `json:"errorShare"`
	ErrorStatus    *int              `json:"errorStatus"`
	LimitPerMinute *int              `json:"limitPerMinute"`
	Hang           bool              `json:"hang"`
	OutageSeconds  int               `json:"outageSeconds"`
	After          *bool             `json:"after"`
	Script         []scriptedAnswer  `json:"script"`
}

// scriptedAnswer is the answer to the next calls, of one line if given.
type scriptedAnswer struct {
	behavior.Step

	Times      int    `json:"times"` // 0 means once
	LineNumber string `json:"lineNumber"`
}

const maxOutage = 24 * 60 * 60 // seconds

// override returns the override without its script.
func (c *behaviorChange) override(now time.Time) (behavior.Override, error) {
	override := behavior.Override{
		Latency: c.Latency, ErrorShare: c.ErrorShare, ErrorStatus: c.ErrorStatus,
		LimitPerMinute: c.LimitPerMinute, Hang: c.Hang, After: c.After,
	}
	if c.OutageSeconds < 0 || c.OutageSeconds > maxOutage {
		return override, fmt.Errorf("outageSeconds: want 0 to %d", maxOutage)
	}
	if c.OutageSeconds > 0 {
		until := now.Add(time.Duration(c.OutageSeconds) * time.Second)
		override.OutageUntil = &until
	}
	return override, override.Validate()
}

// script returns the script with repetitions expanded.
func (c *behaviorChange) script(s *settings.Settings) ([]behavior.ScriptedStep, error) {
	var steps []behavior.ScriptedStep
	for i, scripted := range c.Script {
		line := msisdn.Number("")
		var faults []error
		if scripted.LineNumber != "" {
			number, err := msisdn.Parse(scripted.LineNumber)
			line, faults = number, append(faults, err)
		}
		times := max(scripted.Times, 1)
		if scripted.Times < 0 || len(steps)+times > behavior.MaxScript {
			faults = append(faults, fmt.Errorf("times: want %d answers or less in all", behavior.MaxScript))
		}
		if err := errors.Join(append(faults, scripted.Validate())...); err != nil {
			return nil, fmt.Errorf("script[%d]: %w", i, err)
		}
		for range times {
			steps = append(steps, behavior.ScriptedStep{Step: scripted.Step, Line: s.Pseudonym(line)})
		}
	}
	return steps, nil
}

func (a *API) changeBehavior(w http.ResponseWriter, r *http.Request) error {
	endpoint, current, err := a.adminTarget(r)
	if err != nil {
		return err
	}
	var change behaviorChange
	if err := httpjson.Decode(r, &change); err != nil {
		return err
	}
	override, overrideErr := change.override(a.Now())
	script, scriptErr := change.script(current)
	if err := errors.Join(overrideErr, scriptErr); err != nil {
		return problem.ErrValidation.WithDetails(map[string]string{"reason": err.Error()})
	}
	if err := a.Controls.SetOverride(r.Context(), endpoint, override, script); err != nil {
		return err
	}
	return a.showBehavior(w, r)
}

// behaviorState is the behaviour of an endpoint with its sources.
type behaviorState struct {
	Endpoint   behavior.Endpoint `json:"endpoint"`
	Configured behavior.Profile  `json:"configured"`
	Override   behavior.Override `json:"override"`
	Effective  behavior.Profile  `json:"effective"`
	ScriptLeft int               `json:"scriptLeft"`
}

func (a *API) showBehavior(w http.ResponseWriter, r *http.Request) error {
	endpoint, current, err := a.adminTarget(r)
	if err != nil {
		return err
	}
	override, left, err := a.Controls.Override(r.Context(), endpoint)
	if err != nil {
		return err
	}
	configured := current.Endpoints[endpoint]
	return httpjson.Write(w, http.StatusOK, behaviorState{
		Endpoint: endpoint, Configured: configured, Override: override,
		Effective: override.Effective(configured, a.Now(), "").Profile, ScriptLeft: left,
	})
}

func (a *API) resetBehavior(w http.ResponseWriter, r *http.Request) error {
	endpoint, _, err := a.adminTarget(r)
	if err != nil {
		return err
	}
	return a.reset(w, r, endpoint)
}

func (a *API) resetAll(w http.ResponseWriter, r *http.Request) error {
	return a.reset(w, r, behavior.Endpoints()...)
}

func (a *API) reset(w http.ResponseWriter, r *http.Request, endpoints ...behavior.Endpoint) error {
	if err := a.Controls.Reset(r.Context(), endpoints...); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// adminTarget returns the endpoint in the path, and the settings.
func (a *API) adminTarget(r *http.Request) (behavior.Endpoint, *settings.Settings, error) {
	current, err := a.Settings.Current(r.Context())
	if err != nil {
		return "", nil, err
	}
	endpoint, err := pathvalue.Get(r, "endpoint", parseEndpoint, problem.ErrNotFound)
	return endpoint, current, err
}

func parseEndpoint(text string) (behavior.Endpoint, error) {
	endpoint := behavior.Endpoint(text)
	if _, known := behavior.Defaults()[endpoint]; !known {
		return "", fmt.Errorf("no endpoint %q", text)
	}
	return endpoint, nil
}
