// Package sidecar talks to the Dapr sidecar beside the service: secrets and
// state by the SDK, other apps by HTTP through it.
//
// Nothing here retries or breaks circuits: that is the business of
// resiliency/, which the sidecar applies.
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

// Config says where the sidecar is. Dapr itself sets these variables.
type Config struct {
	HTTPPort int `env:"DAPR_HTTP_PORT" envDefault:"3500"`
	GRPCPort int `env:"DAPR_GRPC_PORT" envDefault:"50001"`
	// Token is what the sidecar demands of us, where it demands anything. It
	// is a variable because Dapr injects it as one.
	Token string `env:"DAPR_API_TOKEN" json:"-"`
	// AppToken is what the sidecar shows us, where it shows anything.
	AppToken string `env:"APP_API_TOKEN" json:"-"`
	// SecretStore is the component that holds our secrets.
	SecretStore string `env:"SECRET_STORE" envDefault:"secret-store"`
	// SecretAge is how long a secret is used before it is read again.
	SecretAge time.Duration `env:"SECRET_AGE" envDefault:"1m"`
}

// Validate refuses secrets that would never be read again, or all the time.
func (c *Config) Validate() error {
	if c.SecretAge < time.Second {
		return errors.New("SECRET_AGE must be at least 1s")
	}
	return nil
}

// callTimeout bounds a state call to a sidecar that does not answer at all. It is
// longer than all attempts together that resiliency/ makes.
const callTimeout = 1500 * time.Millisecond

// reconnect is how often a sidecar that is away is tried. It is near and ours
// alone: by default, gRPC would let minutes pass after it has come back.
var reconnect = grpc.ConnectParams{
	Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 2, Jitter: 0.2, MaxDelay: 500 * time.Millisecond},
	MinConnectTimeout: time.Second,
}

// Client is the connection to the sidecar. It connects when it is first used
// and again whenever the sidecar comes back, so that creating it never waits
// and an app may start before its sidecar.
type Client struct {
	cfg     Config
	conn    *grpc.ClientConn
	sdk     dapr.Client
	http    *http.Transport
	secrets *secrets
}

// silenceSDK keeps the SDK from printing lines of its own among our JSON.
var silenceSDK = sync.OnceFunc(func() { dapr.SetLogger(nil) })

// New returns a client. Close it when done.
func New(cfg Config) (*Client, error) {
	silenceSDK()
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(cfg.GRPCPort))
	conn, err := grpc.NewClient(address,
		grpc.WithTransportCredentials(insecure.NewCredentials()), // loopback
		grpc.WithConnectParams(reconnect),
		grpc.WithUnaryInterceptor(callMetadata(cfg.Token)),
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
			MaxIdleConns:        512, // no connection churn up to the server's own limit
			MaxIdleConnsPerHost: 512,
			IdleConnTimeout:     90 * time.Second,
		},
	}
	client.secrets = newSecrets(cfg.SecretAge, client.readSecret)
	return client, nil
}

// callMetadata adds the token and the trace to each call: the SDK adds neither
// to a connection that it did not open itself.
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

// Close ends the connections.
func (c *Client) Close() error {
	c.http.CloseIdleConnections()
	return c.conn.Close()
}

// Health tells whether the sidecar can be reached and has its components
// loaded. It does not ask whether the sidecar sees us: it waits for us.
func (c *Client) Health(ctx context.Context) error {
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(c.cfg.HTTPPort))
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/v1.0/healthz/outbound", http.NoBody)
	if err != nil {
		return fmt.Errorf("sidecar health: %w", err)
	}
	resp, err := c.http.RoundTrip(req)
	if err != nil {
		return errors.New("sidecar cannot be reached")
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusNoContent {
		return fmt.Errorf("sidecar answers %d", resp.StatusCode)
	}
	return nil
}
