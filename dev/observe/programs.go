package observe

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/phonebill/phonebill/dev/internal/proc"
	"github.com/phonebill/phonebill/dev/internal/toolchain"
)

// server is a program of the stack.
type server struct {
	name   string
	path   string
	config string
	args   []string
	ready  string // the URL that answers 200 when the program is ready
}

func (s *Stack) programs(ctx context.Context) ([]server, error) {
	tools := toolchain.Toolchain{Checkout: s.checkout, Console: s.console}
	prometheus, err := tools.Prometheus(ctx)
	if err != nil {
		return nil, err
	}
	alertmanager, err := tools.Alertmanager(ctx)
	if err != nil {
		return nil, err
	}
	collector, err := tools.Tool(ctx, toolchain.Collector)
	if err != nil {
		return nil, err
	}
	scraping, err := s.prometheusConfig()
	if err != nil {
		return nil, err
	}
	return []server{
		{
			name: "prometheus", path: prometheus, config: scraping,
			args: []string{
				"--config.file=" + s.configFile("prometheus"), "--storage.tsdb.path=" + filepath.Join(s.dir, "series"),
				"--storage.tsdb.retention.time=6h", "--web.listen-address=" + address(PrometheusPort),
			},
			ready: url(PrometheusPort, "/-/ready"),
		},
		{
			name: "alertmanager", path: alertmanager, config: alertmanagerConfig,
			args: []string{
				"--config.file=" + s.configFile("alertmanager"), "--storage.path=" + filepath.Join(s.dir, "alerts"),
				"--web.listen-address=" + address(AlertmanagerPort), "--cluster.listen-address=",
			},
			ready: url(AlertmanagerPort, "/-/ready"),
		},
		{
			name: "collector", path: collector, config: s.collectorConfig(),
			args:  []string{"--config=file:" + s.configFile("collector")},
			ready: url(collectorHealthPort, "/"),
		},
	}, nil
}

func (s *Stack) configFile(name string) string { return filepath.Join(s.dir, name+".yaml") }

func (s *Stack) log(name string) string { return filepath.Join(s.dir, name+".log") }

func (s *Stack) launch(server server) error {
	if err := os.WriteFile(s.configFile(server.name), []byte(server.config), 0o600); err != nil {
		return err
	}
	child, err := proc.Start(proc.Spec{
		Path: server.path, Args: append([]string{server.name}, server.args...),
		Env: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir}, Dir: s.dir, Log: s.log(server.name),
	})
	if err != nil {
		return err
	}
	s.children = append(s.children, child)
	return s.records.Save(server.name, child.Process)
}

// await waits until all programs are ready. It returns an error when one ends.
func (s *Stack) await(ctx context.Context, programs []server) error {
	defer s.console.Wait("starting Prometheus, Alertmanager and the collector", nil)()
	for i, server := range programs {
		err := proc.Retry(ctx, 100*time.Millisecond, func() error {
			if !s.children[i].Alive() {
				return nil
			}
			return getJSON(ctx, server.ready, nil)
		})
		if !s.children[i].Alive() {
			return fmt.Errorf("%s has ended; its log is %s", server.name, s.checkout.Relative(s.log(server.name)))
		}
		if err != nil {
			return fmt.Errorf("%s is not ready: %w", server.name, err)
		}
	}
	return nil
}
