package load

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"text/template"

	"github.com/phonebill/phonebill/dev/internal/stage"
	"github.com/phonebill/phonebill/dev/system"
)

//go:embed capacity.md.tmpl
var pageSource string

var pageTemplate = template.Must(template.New("capacity").Funcs(template.FuncMap{"users": grouped}).Parse(pageSource))

// pageRoles are the columns of the page.
var pageRoles = []system.Role{
	system.Ingress, stage.Auth, system.Sidecar(stage.Auth), stage.Bills, system.Sidecar(stage.Bills),
	stage.Products, system.Sidecar(stage.Products), system.Postgres, system.Redis, system.RedisCache,
}

// row is a row of the page.
type row struct {
	Step   Step
	Micros []float64
	Total  float64
}

// prediction is a measured mix and its prediction, in seconds of CPU.
type prediction struct {
	Mix

	Predicted, Measured, Percent float64
}

// Predictions compares the mixes with their predictions.
func (m Measured) predictions() (all []prediction) {
	for _, mix := range m.Mixes {
		p := prediction{Mix: mix, Predicted: Total(m.Predict(mix)), Measured: Total(mix.CPU)}
		p.Percent = 100 * (p.Predicted/p.Measured - 1)
		all = append(all, p)
	}
	return all
}

// example is the use of the cluster by a number of users.
type example struct {
	Users, PerSecond float64
	Text             string
}

func (c Capacity) example(users float64) example {
	var full []string
	for _, r := range c.Resources {
		if r.UsersMost < users {
			full = append(full, fmt.Sprintf("%s (%.0f %%)", r.Name, 100*users/r.UsersMost))
		}
	}
	text := "nothing is full"
	if len(full) > 0 {
		text = "too much for " + strings.Join(full, ", ") + ", with the most pods"
	}
	return example{users, users / secondsAnAct, text}
}

// First returns the resource of CPU that is full first.
func (c Capacity) First() string { return c.first().Name }

// UsersFirst returns the number of users at which the first resource of CPU is full.
func (c Capacity) UsersFirst() string { return grouped(c.first().UsersMost) }

func (c Capacity) first() Resource {
	return c.Resources[slices.IndexFunc(c.Resources, func(r Resource) bool { return r.Unit == "cores" })]
}

// Page returns the page about the capacity of the cluster that the charts in a folder describe, and
// its picture.
func Page(costs []byte, charts string) (text, picture []byte, err error) {
	var m Measured
	if err := json.Unmarshal(costs, &m); err != nil {
		return nil, nil, err
	}
	c, err := NewCapacity(m, charts)
	if err != nil {
		return nil, nil, err
	}
	data := struct {
		Capacity    Capacity
		Measured    Measured
		Roles       []system.Role
		Steps       []row
		Idle        []float64
		IdleTotal   float64
		Predictions []prediction
		Bills       int
		Examples    []example
	}{Capacity: c, Measured: m, Roles: pageRoles, Predictions: m.predictions(), Bills: billsAMinute}
	for _, step := range m.steps() {
		row := row{Step: step, Total: Total(m.Steps[step])}
		for _, role := range pageRoles {
			row.Micros = append(row.Micros, m.Steps[step][role])
		}
		data.Steps = append(data.Steps, row)
	}
	for _, role := range pageRoles {
		data.Idle = append(data.Idle, 1000*m.Idle[role])
	}
	data.IdleTotal = 1000 * Total(m.Idle)
	for _, users := range []float64{1_000, 10_000, 100_000} {
		data.Examples = append(data.Examples, c.example(users))
	}
	var page bytes.Buffer
	if err := pageTemplate.Execute(&page, data); err != nil {
		return nil, nil, err
	}
	picture, err = c.picture()
	return page.Bytes(), picture, err
}
