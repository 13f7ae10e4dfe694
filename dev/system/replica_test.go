package system

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/dev/internal/proc"
	"github.com/phonebill/phonebill/dev/internal/runfile"
)

func TestReplicaHasPortsOfItsOwn(t *testing.T) {
	t.Parallel()
	app := runfile.App{ID: "auth-service", Port: 8081, HTTPPort: 3501, GRPCPort: 3601, InternalGRPCPort: 3701, MetricsPort: 9101}
	spec := proc.Spec{
		Path: "/bin/daprd", Log: "first.log",
		Args: []string{"daprd", "--app-port", "8081", "--dapr-http-port=3501", "--config", "18081"},
		Env:  []string{"HTTP_ADDR=127.0.0.1:8081", "DAPR_GRPC_PORT=3601", "SECRET=x3701"},
	}
	want := proc.Spec{
		Path: "/bin/daprd", Log: "second.log",
		Args: []string{"daprd", "--app-port", "8131", "--dapr-http-port=3551", "--config", "18081"},
		Env:  []string{"HTTP_ADDR=127.0.0.1:8131", "DAPR_GRPC_PORT=3651", "SECRET=x3701"},
	}
	if diff := cmp.Diff(want, movePorts(spec, app, "second.log")); diff != "" {
		t.Error(diff)
	}
	if got := replicaOf(app); got.ID != "auth-service-replica" || got.Port != 8131 || got.MetricsPort != 9151 {
		t.Errorf("%+v", got)
	}
	if spec.Args[2] != "8081" {
		t.Error("the first replica's arguments have changed")
	}
}
