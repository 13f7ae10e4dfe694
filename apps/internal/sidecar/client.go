// Package sidecar is the client of the Dapr sidecar: secrets, state and publishing
// by the SDK, service invocation by HTTP.
//
// It has no retries or circuit breakers. Those are policies in resiliency/, which
// the sidecar applies.
package sidecar

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	dapr "github.com/dapr/go-sdk/client"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"github.com/phonebill/phonebill/apps/internal/telemetry"
)

// Config configures a Client. Dapr sets the ports and tokens.
type Config struct {
	HTTPPort int `env:"DAPR_HTTP_PORT" envDefault:"3500"`
	GRPCPort int `env:"DAPR_GRPC_PORT" envDefault:"50001"`
	// Token is the API token that the sidecar requires, or empty. Dapr injects it as
	// an environment variable.
	Token string `env:"DAPR_API_TOKEN" json:"-"`
	// AppToken is the token that the sidecar sends to the app, or empty.
	AppToken string `env:"APP_API_TOKEN" json:"-"`
	// SecretStore is the name of the secret store component.
	SecretStore string `env:"SECRET_STORE" envDefault:"secret-store"`
	// SecretAge is the age at which a cached secret is refreshed.
	SecretAge time.Duration `env:"SECRET_AGE" envDefault:"1m"`
}

// Validate implements config.Validator.
func (c *Config) Validate() error {
	if c.SecretAge < time.Second {
		return errors.New("SECRET_AGE must be at least 1s")
	}
	return nil
}

// callTimeout is the timeout of a state call. It is longer than all attempts of
// resiliency/ together.
const callTimeout = 1500 * time.Millisecond

// reconnect is the backoff of connection attempts. The default of gRPC grows to two
// minutes, too long for a sidecar that restarts.
var reconnect = grpc.ConnectParams{
	Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 2, Jitter: 0.2, MaxDelay: 500 * time.Millisecond},
	MinConnectTimeout: time.Second,
}

// Client is the connection to the sidecar. It connects at its first use and
// reconnects after a failure, so an app may start before its sidecar.
type Client struct {
	cfg     Config
	conn    *grpc.ClientConn
	sdk     dapr.Client
	http    *http.Transport
	secrets *secrets
}

// silenceSDK disables the SDK's log, which is not JSON.
var silenceSDK = sync.OnceFunc(func() { dapr.SetLogger(nil) })

// New returns a client, which the caller must close.
func New(cfg Config) (*Client, error) {
	silenceSDK()
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(cfg.GRPCPort))
	conn, err := grpc.NewClient(address,
		grpc.WithTransportCredentials(insecure.NewCredentials()), // loopback
		grpc.WithConnectParams(reconnect),
		grpc.WithChainUnaryInterceptor(traceCalls(), callMetadata(cfg.Token)),
	)
	if err != nil {
		return nil, fmt.Errorf("sidecar: %w", err)
	}
	client := &Client{
		cfg:  cfg,
		conn: conn,
		sdk:  dapr.NewClientWithConnection(conn),
		http: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: time.Second}).DialContext,
			MaxIdleConns:        512, // the server's MaxInFlight
			MaxIdleConnsPerHost: 512,
			IdleConnTimeout:     90 * time.Second,
		},
	}
	client.secrets = newSecrets(cfg.SecretAge, client.readSecret)
	return client, nil
}

// callMetadata adds the API token and the trace to each call, which the SDK does not
// do on a connection that it has not opened itself.
func callMetadata(token string) grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		if token != "" {
			ctx = metadata.AppendToOutgoingContext(ctx, tokenHeader, token)
		}
		carrier := metadataCarrier{}
		telemetry.Inject(ctx, carrier)
		for key, value := range carrier {
			ctx = metadata.AppendToOutgoingContext(ctx, key, value)
		}
		return invoke(ctx, method, req, reply, cc, opts...)
	}
}

type metadataCarrier map[string]string

func (c metadataCarrier) Get(key string) string { return c[key] }
func (c metadataCarrier) Set(key, value string) { c[key] = value }
func (c metadataCarrier) Keys() []string        { return nil }

// Close closes the connections.
func (c *Client) Close() error {
	c.http.CloseIdleConnections()
	return c.conn.Close()
}

// Health is a health.Check: the sidecar is reachable and has loaded its components.
// It does not check whether the sidecar reaches the app, which it waits for.
func (c *Client) Health(ctx context.Context) error {
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(c.cfg.HTTPPort))
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/v1.0/healthz/outbound", nil)
	if err != nil {
		return fmt.Errorf("sidecar health: %w", err)
	}
	resp, err := c.http.RoundTrip(req)
	if err != nil {
		return errors.New("sidecar unreachable")
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusNoContent {
		return fmt.Errorf("sidecar answers %d", resp.StatusCode)
	}
	return nil
}
