// Package app assembles the service: its dependency graph, configuration and commands.
package app

import (
	"time"

	"go.uber.org/fx"

	"github.com/phonebill/phonebill/apps/internal/httpserver"
	"github.com/phonebill/phonebill/apps/internal/platform"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
	"github.com/phonebill/phonebill/apps/web-portal/internal/assets"
	"github.com/phonebill/phonebill/apps/web-portal/internal/browser"
	"github.com/phonebill/phonebill/apps/web-portal/internal/pages"
	"github.com/phonebill/phonebill/apps/web-portal/internal/portal"
	"github.com/phonebill/phonebill/apps/web-portal/internal/upstream"
)

// Name is the service's name, which is also its folder and its Dapr app id.
const Name = "web-portal"

// Graph returns the dependency graph of the server. It serves pages, not an API, and has
// no OpenAPI document.
func Graph(cfg Config) fx.Option {
	return fx.Options(
		fx.Supply(cfg.HTTP, cfg.Telemetry, cfg.Sidecar, cfg.Portal, platform.OpenAPI(nil)),
		platform.Base(Name), platform.HTTP,
		fx.Module("inbound", fx.Provide(
			fx.Annotate(newPortal, fx.As(new(httpserver.Registrar))),
			assets.New, pages.New, newSessions,
		)),
		fx.Module("outbound", fx.Provide(newClient)),
	)
}

func newClient(cfg PortalConfig, dapr *sidecar.Client) *upstream.Client {
	return &upstream.Client{
		Auth: dapr.Invoker(cfg.AuthAppID), Bills: dapr.Invoker(cfg.BillAppID), Products: dapr.Invoker(cfg.ProductAppID),
	}
}

func newSessions(cfg PortalConfig, services *upstream.Client, now func() time.Time) *browser.Sessions {
	return browser.NewSessions(browser.Cookies{Secure: cfg.secure()}, services, now)
}

// portalParams are the parameters of newPortal.
type portalParams struct {
	fx.In

	Config   PortalConfig
	Services *upstream.Client
	Sessions *browser.Sessions
	Pages    *pages.Pages
	Assets   *assets.Assets
	Now      func() time.Time
}

func newPortal(p portalParams) (*portal.Portal, error) {
	protection, err := browser.NewProtection(p.Config.Origin)
	if err != nil {
		return nil, err
	}
	return portal.New(portal.Params{
		Services: p.Services, Sessions: p.Sessions, Protection: protection,
		Pages: p.Pages, Assets: p.Assets, Idle: p.Config.Idle, Now: p.Now,
	}), nil
}
