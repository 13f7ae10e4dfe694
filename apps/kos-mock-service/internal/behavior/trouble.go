package behavior

import (
	"cmp"
	"slices"
	"time"
)

// Trouble is a time in which an endpoint behaves worse than it was told to.
// What comes of it at any moment follows from the clock alone, so that all
// replicas agree, and a restart changes nothing. When it is over, the endpoint
// behaves again as it was told before.
type Trouble struct {
	Name  string    `json:"name"`
	Since time.Time `json:"since"`
	Until time.Time `json:"until"` // it is over
	// Line is the pseudonym of the line whose calls alone meet the trouble;
	// empty for all calls.
	Line string `json:"line,omitempty"`

	Symptoms
}

// Symptoms are what a trouble does to calls. What is zero is as the endpoint
// was told.
type Symptoms struct {
	// ClimbTo is the latency at the end, to which it climbs steadily.
	ClimbTo Milliseconds `json:"climbToMs,omitempty"`
	// ErrorShare is the share of calls, 0 to 1, that fail by chance.
	ErrorShare float64 `json:"errorShare,omitempty"`
	// LimitPerMinute is how many calls a client may make within any 60 s.
	LimitPerMinute int `json:"limitPerMinute,omitempty"`
	// Hang keeps calls without an answer until the trouble is over.
	Hang bool `json:"hang,omitempty"`
	// Outage answers every call with 503 at once. Nobody knows for how long.
	Outage bool `json:"outage,omitempty"`
	// TurnSeconds lets the outage come and go, so long each; 0: it stays.
	TurnSeconds int `json:"turnSeconds,omitempty"`
}

// Over reports whether there is no trouble any more.
func (t *Trouble) Over(now time.Time) bool { return t == nil || !now.Before(t.Until) }

// meets reports whether a call about a line meets the trouble.
func (t *Trouble) meets(now time.Time, line string) bool {
	return !t.Over(now) && !now.Before(t.Since) && (t.Line == "" || t.Line == line)
}

// conduct returns how an endpoint of that profile behaves in the trouble.
func (t *Trouble) conduct(profile Profile, now time.Time) Conduct {
	profile.Latency.Min = t.climb(profile.Latency.Min, now)
	profile.Latency.Max = t.climb(profile.Latency.Max, now)
	profile.ErrorShare = cmp.Or(t.ErrorShare, profile.ErrorShare)
	profile.LimitPerMinute = cmp.Or(t.LimitPerMinute, profile.LimitPerMinute)
	conduct := Conduct{Profile: profile, Hang: t.Hang, Outage: t.Outage && t.isTurn(now)}
	if t.Hang {
		conduct.HangUntil = t.Until
	}
	return conduct
}

// climb returns what a latency has become by now. It never falls.
func (t *Trouble) climb(from Milliseconds, now time.Time) Milliseconds {
	done := float64(now.Sub(t.Since)) / float64(t.Until.Sub(t.Since))
	return from + Milliseconds(done*float64(max(t.ClimbTo-from, 0)))
}

// isTurn reports whether what comes and goes is there. It begins with it.
func (t *Trouble) isTurn(now time.Time) bool {
	turn := time.Duration(t.TurnSeconds) * time.Second
	return turn == 0 || now.Sub(t.Since)/turn%2 == 0
}

// MaxTrouble bounds how long a trouble lasts.
const MaxTrouble = time.Hour

// Kind is a trouble that has a name.
type Kind struct {
	Name string
	// Does says in a sentence what calls meet.
	Does string
	// OneLine is true for a trouble of the calls about one line.
	OneLine bool

	symptoms   Symptoms
	limitShare float64 // that is left of the limit; 0: all
}

var kinds = []Kind{
	{Name: "slow-ramp", Does: "Latency climbs steadily, to 5 s at the end.", symptoms: Symptoms{ClimbTo: 5000}},
	{Name: "error-storm", Does: "Of five calls four fail with a 5xx.", symptoms: Symptoms{ErrorShare: 0.8}},
	{Name: "hang", Does: "No call gets an answer before the end.", symptoms: Symptoms{Hang: true}},
	{Name: "flapping", Does: "Out for 10 s, well for 10 s, in turn.", symptoms: Symptoms{Outage: true, TurnSeconds: 10}},
	{Name: "limit-drop", Does: "Each client's limit falls to a fifth.", limitShare: 0.2},
	{Name: "outage", Does: "Every call gets 503 at once.", symptoms: Symptoms{Outage: true}},
	{Name: "bad-line", Does: "Every call about one line fails with a 5xx.", OneLine: true, symptoms: Symptoms{ErrorShare: 1}},
}

// Kinds returns all troubles that have a name.
func Kinds() []Kind { return slices.Clone(kinds) }

// KindOf returns the trouble of that name.
func KindOf(name string) (kind Kind, known bool) {
	i := slices.IndexFunc(kinds, func(k Kind) bool { return k.Name == name })
	if i < 0 {
		return Kind{}, false
	}
	return kinds[i], true
}

// Begin returns the trouble of an endpoint from now on. The profile is what the
// endpoint was told; where it knows no limit, a limit falls from KOS's
// published one.
func (k Kind) Begin(endpoint Endpoint, profile Profile, now time.Time, lasting time.Duration) Trouble {
	trouble := Trouble{Name: k.Name, Since: now, Until: now.Add(lasting), Symptoms: k.symptoms}
	if k.limitShare > 0 {
		limit := cmp.Or(profile.LimitPerMinute, Defaults()[endpoint].LimitPerMinute)
		trouble.LimitPerMinute = max(int(k.limitShare*float64(limit)), 1)
	}
	return trouble
}
