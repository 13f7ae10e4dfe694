package resources

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// policies are the policies and targets of all files of resiliency/, which share their names.
type policies struct {
	timeouts map[string]time.Duration
	retries  map[string]retry
	breakers map[string]breaker
	targets  []target
}

type retry struct {
	Policy     string
	Duration   time.Duration
	MaxRetries int `yaml:"maxRetries"`
	Matching   struct {
		HTTP string `yaml:"httpStatusCodes"`
	}
}

type breaker struct {
	MaxRequests int `yaml:"maxRequests"`
	Interval    time.Duration
	Timeout     time.Duration
	Trip        string
}

// target is a target with the names of its policies.
type target struct {
	file, name string
	policies   policyNames
}

// policyNames are the names of the policies of a target.
type policyNames struct {
	Timeout, Retry string
	CircuitBreaker string `yaml:"circuitBreaker"`
}

// inbound marks targets for calls from a component to an app.
const inbound = " to an app"

func loadPolicies(t *testing.T) policies {
	t.Helper()
	p := policies{timeouts: map[string]time.Duration{}, retries: map[string]retry{}, breakers: map[string]breaker{}}
	for _, r := range load(t, "resiliency") {
		spec := r.Spec.Resiliency
		maps.Copy(p.timeouts, spec.Policies.Timeouts)
		maps.Copy(p.retries, spec.Policies.Retries)
		maps.Copy(p.breakers, spec.Policies.CircuitBreakers)
		for name, policies := range spec.Targets.Apps {
			p.targets = append(p.targets, target{r.Metadata.Name, name, policies})
		}
		for name, directions := range spec.Targets.Components {
			p.targets = append(p.targets, target{r.Metadata.Name, name, directions.Outbound})
			if directions.Inbound.Timeout != "" {
				p.targets = append(p.targets, target{r.Metadata.Name, name + inbound, directions.Inbound})
			}
		}
	}
	slices.SortFunc(p.targets, func(a, b target) int { return strings.Compare(a.file+a.name, b.file+b.name) })
	return p
}

// longest returns the maximum duration of a call with all retries.
func (p policies) longest(t target) time.Duration {
	again := p.retries[t.policies.Retry]
	return time.Duration(again.MaxRetries+1)*p.timeouts[t.policies.Timeout] + time.Duration(again.MaxRetries)*again.Duration
}

// of returns the target with that name.
func (p policies) of(t *testing.T, name string) target {
	t.Helper()
	i := slices.IndexFunc(p.targets, func(t target) bool { return t.name == name })
	if i < 0 {
		t.Fatalf("no policies for %s", name)
	}
	return p.targets[i]
}

// table returns the rows of README.md, with targets of equal policies in one row.
func (p policies) table() []string {
	var rows []string
	names := map[policyNames][]string{}
	for _, t := range p.targets {
		names[t.policies] = append(names[t.policies], "`"+strings.TrimSuffix(t.name, inbound)+"`"+t.name[len(strings.TrimSuffix(t.name, inbound)):])
	}
	seen := map[policyNames]bool{}
	for _, t := range p.targets {
		if seen[t.policies] {
			continue
		}
		seen[t.policies] = true
		rows = append(rows, fmt.Sprintf("| `%s.yaml` | %s | %s | %s | %s | %s |", t.file, strings.Join(names[t.policies], ", "),
			p.timeouts[t.policies.Timeout], p.retries[t.policies.Retry].text(), p.longest(t), p.breakers[t.policies.CircuitBreaker].text()))
	}
	return rows
}

func (r retry) text() string {
	text := fmt.Sprintf("%d, each after %s", r.MaxRetries, r.Duration)
	if r.Matching.HTTP != "" {
		text += ", on " + strings.ReplaceAll(r.Matching.HTTP, ",", ", ")
	}
	return text
}

func (b breaker) text() string {
	if b.Trip == "" {
		return "none"
	}
	text := fmt.Sprintf("`%s`", b.Trip)
	if b.Interval > 0 {
		text += fmt.Sprintf(" within %s", b.Interval)
	}
	return text + fmt.Sprintf("; open %s; closed by %d", b.Timeout, b.MaxRequests)
}
