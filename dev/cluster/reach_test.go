package cluster

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/phonebill/phonebill/dev/internal/api"
	"github.com/phonebill/phonebill/dev/internal/kos"
	"github.com/phonebill/phonebill/dev/internal/proc"
	"github.com/phonebill/phonebill/dev/internal/secrets"
)

const (
	password    = "PhoneBill1!" // of the demo and seeded users
	seededUsers = 1000
	endToEnd    = 500 // reserved for the end-to-end tests
)

// endpoints are those of the tests besides the services. Each of both has a Service in
// testdata/reach.yaml.
var endpoints = []string{"postgresql", "redis", "redis-cache", "caller", edge}

// open exposes the endpoints and seeds users.
func open(ctx context.Context) error {
	manifests, err := os.ReadFile("testdata/reach.yaml")
	if err != nil {
		return err
	}
	if err := apply(ctx, string(manifests)); err != nil {
		return err
	}
	live.node, err = kubectl(ctx, "get", "nodes", "--output",
		`jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}`)
	if err != nil {
		return err
	}
	live.ports = make(map[string]int)
	for _, name := range slices.Concat(endpoints, services) {
		port, err := kubectl(ctx, "get", "service", "reach-"+name, "--output=jsonpath={.spec.ports[0].nodePort}")
		if err != nil {
			return err
		}
		if live.ports[name], err = strconv.Atoi(port); err != nil {
			return err
		}
	}
	if err := reachable(ctx); err != nil {
		return err
	}
	if _, err := kubectl(ctx, "exec", "deployment/"+auth, "--container=app", "--",
		"/"+auth, "seed-demo", "--users", strconv.Itoa(seededUsers)); err != nil {
		return fmt.Errorf("seed: %w", err)
	}
	return kos.New(address(kosMock), nil).CalmDown()
}

// reachable waits until each endpoint is reachable, with an explanation if the nodes are not.
func reachable(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for _, service := range services {
		err := proc.Retry(ctx, pollInterval, func() error {
			response, err := http.Get(address(service) + "/actuator/health")
			if err != nil {
				return fmt.Errorf("the nodes of the cluster must be reachable from the tests: %w", err)
			}
			return response.Body.Close()
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// address returns the URL of a service.
func address(service string) string { return "http://" + endpoint(service) }

// endpoint returns the address of an endpoint, host:port.
func endpoint(name string) string { return net.JoinHostPort(live.node, strconv.Itoa(live.ports[name])) }

// login returns an access token of a user.
func login(t testing.TB, userID string) string {
	t.Helper()
	client := api.New(address(auth), api.Timed(http.DefaultTransport))
	return client.Login(userID, password).OK(t).Access
}

// seeded returns the user id and the line of the nth seeded user that the end-to-end tests do not
// use, from 1.
func seeded(n int) (userID, line string) {
	n += endToEnd
	return fmt.Sprintf("loaduser%07d", n), fmt.Sprintf("0103%07d", n)
}

// send returns the status and the beginning of the answer; without an answer, 0 and the reason.
func send(request *http.Request) (status int, body string) {
	return sendOver(http.DefaultTransport, request)
}

func sendOver(transport http.RoundTripper, request *http.Request) (status int, body string) {
	client := http.Client{Timeout: 15 * time.Second, Transport: transport}
	response, err := client.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err.Error()
	}
	return response.StatusCode, string(content)
}

// kosCredentials returns a client's credentials for KOS.
func kosCredentials(t testing.TB) string {
	t.Helper()
	set, err := secrets.Load(secretsFile())
	if err != nil {
		t.Fatal(err)
	}
	return set["kos-api-credentials-bill-inquiry"]
}

// secretsFile returns the path of the namespace's secrets.
func secretsFile() string { return live.checkout.Local("clusters", live.namespace+".json") }
