package behavior

import (
	"cmp"
	"slices"
	"time"
)

// Trouble is a fault scenario of limited duration at an endpoint. Its effect at any moment follows
// from the clock alone, so that all replicas agree and restarts do not matter. Afterwards the
// override applies again.
type Trouble struct {
	Name  string    `json:"name"`
	Since time.Time `json:"since"`
	Until time.Time `json:"until"` // end
	// Line is the pseudonym of the only line affected; empty for all calls.
	Line string `json:"line,omitempty"`

	Effects
}

// Effects are the effects of a trouble. Zero fields have no effect.
type Effects struct {
	// ClimbTo is the latency at the end of a linear ramp.
	ClimbTo Milliseconds `json:"climbToMs,omitempty"`
	// ErrorShare is the share of calls, 0 to 1, that fail at random.
	ErrorShare float64 `json:"errorShare,omitempty"`
	// LimitPerMinute is how many calls a client may make within 60 s.
	LimitPerMinute int `json:"limitPerMinute,omitempty"`
	// Hang keeps calls unanswered until the trouble is over.
	Hang bool `json:"hang,omitempty"`
	// Outage answers every call with 503 at once, without Retry-After.
	Outage bool `json:"outage,omitempty"`
	// TurnSeconds makes the outage alternate: on and off for that time each; 0 means constant.
	TurnSeconds int `json:"turnSeconds,omitempty"`
}

// Over reports whether the trouble has ended, or t is nil.
func (t *Trouble) Over(now time.Time) bool { return t == nil || !now.Before(t.Until) }

// affects reports whether a call about a line is affected.
func (t *Trouble) affects(now time.Time, line string) bool {
	return !t.Over(now) && !now.Before(t.Since) && (t.Line == "" || t.Line == line)
}

// effective returns the behaviour of an endpoint with that profile during the trouble.
func (t *Trouble) effective(profile Profile, now time.Time) EffectiveBehavior {
	profile.Latency.Min = t.ramp(profile.Latency.Min, now)
	profile.Latency.Max = t.ramp(profile.Latency.Max, now)
	profile.ErrorShare = cmp.Or(t.ErrorShare, profile.ErrorShare)
	profile.LimitPerMinute = cmp.Or(t.LimitPerMinute, profile.LimitPerMinute)
	effective := EffectiveBehavior{Profile: profile, Hang: t.Hang, Outage: t.Outage && t.isOn(now)}
	if t.Hang {
		effective.HangUntil = t.Until
	}
	return effective
}

// ramp returns the latency at a moment of the ramp. It never decreases.
func (t *Trouble) ramp(from Milliseconds, now time.Time) Milliseconds {
	done := float64(now.Sub(t.Since)) / float64(t.Until.Sub(t.Since))
	return from + Milliseconds(done*float64(max(t.ClimbTo-from, 0)))
}

// isOn reports whether an alternating outage is on. It starts with on.
func (t *Trouble) isOn(now time.Time) bool {
	turn := time.Duration(t.TurnSeconds) * time.Second
	return turn == 0 || now.Sub(t.Since)/turn%2 == 0
}

// MaxTrouble is the maximum duration of a trouble.
const MaxTrouble = time.Hour

// Kind is a predefined trouble.
type Kind struct {
	Name string
	// Does describes the effect in one sentence.
	Does string
	// OneLine is true if the trouble affects calls about one line only.
	OneLine bool

	symptoms   Effects
	limitShare float64 // remaining share of the limit; 0: all
}

var kinds = []Kind{
	{Name: "slow-ramp", Does: "Latency climbs steadily, to 5 s at the end.", symptoms: Effects{ClimbTo: 5000}},
	{Name: "error-storm", Does: "Of five calls four fail with a 5xx.", symptoms: Effects{ErrorShare: 0.8}},
	{Name: "hang", Does: "No call gets an answer before the end.", symptoms: Effects{Hang: true}},
	{Name: "flapping", Does: "Out for 10 s, well for 10 s, in turn.", symptoms: Effects{Outage: true, TurnSeconds: 10}},
	{Name: "limit-drop", Does: "Each client's limit falls to a fifth.", limitShare: 0.2},
	{Name: "outage", Does: "Every call gets 503 at once.", symptoms: Effects{Outage: true}},
	{Name: "bad-line", Does: "Every call about one line fails with a 5xx.", OneLine: true, symptoms: Effects{ErrorShare: 1}},
}

// Kinds returns all predefined troubles.
func Kinds() []Kind { return slices.Clone(kinds) }

// KindOf returns the predefined trouble of that name.
func KindOf(name string) (kind Kind, known bool) {
	i := slices.IndexFunc(kinds, func(k Kind) bool { return k.Name == name })
	if i < 0 {
		return Kind{}, false
	}
	return kinds[i], true
}

// Begin returns the trouble for an endpoint, starting now. The profile is the endpoint's current
// one. If it has no limit, a reduced limit is a share of KOS's published one.
func (k Kind) Begin(endpoint Endpoint, profile Profile, now time.Time, lasting time.Duration) Trouble {
	trouble := Trouble{Name: k.Name, Since: now, Until: now.Add(lasting), Effects: k.symptoms}
	if k.limitShare > 0 {
		limit := cmp.Or(profile.LimitPerMinute, Defaults()[endpoint].LimitPerMinute)
		trouble.LimitPerMinute = max(int(k.limitShare*float64(limit)), 1)
	}
	return trouble
}
