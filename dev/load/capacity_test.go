package load

import (
	"encoding/json"
	"flag"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/dev/internal/stage"
	"github.com/phonebill/phonebill/dev/system"
)

var update = flag.Bool("update", false, "write the generated page")

const pageFile, pictureFile = "../docs/mechanisms/capacity.md", "../docs/mechanisms/capacity.svg"

// TestCapacityPage compares the page with the costs and the charts.
func TestCapacityPage(t *testing.T) {
	t.Parallel()
	costs, err := os.ReadFile("costs.json")
	if err != nil {
		t.Fatal(err)
	}
	text, picture, err := Page(costs, "../../charts")
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		for file, content := range map[string][]byte{pageFile: text, pictureFile: picture} {
			if err := os.WriteFile(file, content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for file, want := range map[string][]byte{pageFile: text, pictureFile: picture} {
		if got, err := os.ReadFile(file); err != nil || string(got) != string(want) {
			t.Errorf("%s is out of date (%v): make docs", file, err)
		}
	}
}

func TestMixIsPredictedFromSteps(t *testing.T) {
	t.Parallel()
	cpu := func(seconds float64) []PartReport {
		return []PartReport{{Role: stage.Bills, CPU: seconds}, {Role: Generator, CPU: 99}}
	}
	r := Report{Users: 7, Rounds: []RoundReport{
		{Name: "idle", Seconds: 10, Parts: cpu(1)},
		{Seconds: 10, Requests: 1000, Steps: []StepReport{{Step: Menu}}, Parts: cpu(3)},
		{Seconds: 10, Requests: 1000, Steps: []StepReport{{Step: Inquiry}}, Parts: cpu(5)},
		{Name: "mix", Seconds: 10, Steps: []StepReport{
			{Step: Menu, Answers: Quantiles{Count: 500}}, {Step: Inquiry, Answers: Quantiles{Count: 2000}},
		}, Parts: cpu(10)},
	}}
	m := Measure(r)
	if diff := cmp.Diff(map[Step]map[system.Role]float64{
		Menu: {stage.Bills: 2000, Generator: 0}, Inquiry: {stage.Bills: 4000, Generator: 0},
	}, m.Steps); diff != "" {
		t.Error(diff)
	}
	p := m.predictions()[0]
	if p.Users != 7 || p.Predicted != 10 || p.Measured != 10 || p.Percent != 0 {
		t.Errorf("got %+v", p)
	}
}

func TestCapacityFollowsNeed(t *testing.T) {
	t.Parallel()
	steps := map[Step]map[system.Role]float64{}
	for _, act := range Usual {
		steps[act.Step] = map[system.Role]float64{}
		for _, role := range pageRoles {
			steps[act.Step][role] = 100
		}
		steps[act.Step][system.Postgres] = 10_000
	}
	c, err := NewCapacity(Measured{Steps: steps}, "../../charts")
	if err != nil {
		t.Fatal(err)
	}
	first := c.first()
	// A user sends a request every 10 s, each of which takes 10 ms of 2.8 cores.
	if first.Name != "PostgreSQL" || math.Abs(first.UsersMost-2800) > 1 {
		t.Errorf("got %+v", first)
	}
	if got := c.example(10_000).Text; !strings.Contains(got, "PostgreSQL (357 %)") {
		t.Errorf("10,000 users: %s", got)
	}
	if encoded, err := json.Marshal(Measured{Steps: steps}); err != nil {
		t.Error(err)
	} else if text, picture, err := Page(encoded, "../../charts"); err != nil || len(text) == 0 || len(picture) == 0 {
		t.Errorf("%v", err)
	}
}
