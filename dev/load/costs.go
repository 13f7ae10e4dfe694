package load

import (
	"slices"

	"github.com/phonebill/phonebill/dev/system"
)

// Measured is what the scenario Costs has measured, for the capacity model.
type Measured struct {
	Setting Setting
	Note    string // what is special about the measurement; written by hand
	// Idle is the use of CPU without requests, in cores.
	Idle map[system.Role]float64
	// Steps are the CPU times of a request by part, in µs, without Idle.
	Steps map[Step]map[system.Role]float64
	// Mixes are rounds of several steps, from which Steps were not measured.
	Mixes []Mix
}

// Mix is a measured round.
type Mix struct {
	Name      string
	Users     int // who act every 10 s
	Seconds   float64
	PerSecond float64
	P95       float64 // ms
	Requests  map[Step]int64
	CPU       map[system.Role]float64 // seconds
}

// Measure returns the costs that a report of Costs contains.
func Measure(r Report) Measured {
	m := Measured{Setting: r.Setting, Idle: map[system.Role]float64{}, Steps: map[Step]map[system.Role]float64{}}
	for _, round := range r.Rounds {
		switch {
		case len(round.Steps) == 0:
			for _, part := range round.Parts {
				m.Idle[part.Role] = part.CPU / round.Seconds
			}
		case len(round.Steps) == 1:
			m.Steps[round.Steps[0].Step] = map[system.Role]float64{}
			for _, part := range round.Parts {
				busy := part.CPU - m.Idle[part.Role]*round.Seconds
				m.Steps[round.Steps[0].Step][part.Role] = max(0, 1e6*busy/float64(round.Requests))
			}
		default:
			mix := Mix{
				Name: round.Name, Users: r.Users, Seconds: round.Seconds, PerSecond: round.PerSecond, P95: round.P95,
				Requests: map[Step]int64{}, CPU: map[system.Role]float64{},
			}
			for _, step := range round.Steps {
				mix.Requests[step.Step] = step.Answers.Count
			}
			for _, part := range round.Parts {
				mix.CPU[part.Role] = part.CPU
			}
			m.Mixes = append(m.Mixes, mix)
		}
	}
	return m
}

// Predict returns the CPU time of each part in a mix, in seconds.
func (m Measured) Predict(mix Mix) map[system.Role]float64 {
	cpu := map[system.Role]float64{}
	for role, cores := range m.Idle {
		cpu[role] = cores * mix.Seconds
		for step, requests := range mix.Requests {
			cpu[role] += m.Steps[step][role] * float64(requests) / 1e6
		}
	}
	return cpu
}

// Total returns the CPU time of all parts of the system.
func Total(cpu map[system.Role]float64) (total float64) {
	for role, seconds := range cpu {
		if role != Generator && role != system.Runner {
			total += seconds
		}
	}
	return total
}

// demand returns the cores that each part needs for a request a second of a visit.
func (m Measured) demand(visit []Act) map[system.Role]float64 {
	cores, length := map[system.Role]float64{}, 0.0
	for _, act := range visit {
		length += act.Share
	}
	for _, act := range visit {
		for role, micros := range m.Steps[act.Step] {
			cores[role] += micros / 1e6 * act.Share / length
		}
	}
	return cores
}

// steps returns the measured steps, in order of a visit.
func (m Measured) steps() (steps []Step) {
	for _, step := range []Step{Login, Customer, Menu, Inquiry, Month, History, Plans, Check, Change} {
		if len(m.Steps[step]) > 0 {
			steps = append(steps, step)
		}
	}
	return slices.Clip(steps)
}
