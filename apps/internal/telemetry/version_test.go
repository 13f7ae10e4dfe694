package telemetry_test

import (
	"testing"

	"github.com/phonebill/phonebill/apps/internal/telemetry"
)

func TestRegistryHasVersion(t *testing.T) {
	t.Parallel()
	families, err := telemetry.NewRegistry().Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != "phonebill_build_info" {
			continue
		}
		label := family.GetMetric()[0].GetLabel()[0]
		if label.GetName() != "version" || label.GetValue() != telemetry.Version {
			t.Errorf("labelled %s=%s", label.GetName(), label.GetValue())
		}
		return
	}
	t.Error("no metric has the version")
}
