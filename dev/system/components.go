package system

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/phonebill/phonebill/dev/internal/atomicfile"
	"github.com/phonebill/phonebill/dev/internal/components"
	"github.com/phonebill/phonebill/dev/internal/postgres"
	"github.com/phonebill/phonebill/dev/internal/redis"
	"github.com/phonebill/phonebill/dev/internal/runfile"
	"github.com/phonebill/phonebill/dev/internal/secrets"
)

// ComponentsVariable is the environment variable with the names or paths of the folders that replace
// components of components/local, separated by spaces.
const ComponentsVariable = "PHONEBILL_COMPONENTS"

// runFile returns the path of the run template: dapr.yaml, or its copy of a start with other
// components.
func (s *System) runFile() string {
	if file := s.checkout.Local("swap", "dapr.yaml"); exists(file) {
		return file
	}
	return s.checkout.Path("dapr.yaml")
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// readComponents reads the run template and the components that it names.
func (s *System) readComponents() error {
	file, err := runfile.Load(s.runFile())
	if err != nil {
		return err
	}
	if len(file.Resources) == 0 {
		return fmt.Errorf("%s names no resources", s.runFile())
	}
	s.Apps = file.Apps
	s.components, err = components.Read(file.Resources[0])
	return err
}

// swapComponents lays the operator's folders over components/local, and refuses what PhoneBill cannot
// use. It writes the result, and a run template that names it, to .local/swap.
func (s *System) swapComponents(context.Context) error {
	swap := s.checkout.Local("swap")
	if err := os.RemoveAll(swap); err != nil {
		return err
	}
	if len(s.folders) == 0 {
		return s.readComponents()
	}
	local := s.checkout.Path("components", "local")
	set, err := components.Read(local)
	if err != nil {
		return err
	}
	for _, name := range s.folders {
		if set, err = s.overlay(set, name); err != nil {
			return fmt.Errorf("these components cannot be used:\n%w", err)
		}
	}
	folder := filepath.Join(swap, "components")
	if err := components.Write(folder, set); err != nil {
		return err
	}
	file, err := runfile.Swap(s.checkout.Path("dapr.yaml"), local, folder)
	if err != nil {
		return err
	}
	if err := atomicfile.Write(filepath.Join(swap, "dapr.yaml"), file); err != nil {
		return err
	}
	s.console.Printf("Components: those of components/local, but %s", strings.Join(s.folders, " and "))
	return s.readComponents()
}

// overlay lays one folder over the components.
func (s *System) overlay(set []components.Resource, name string) ([]components.Resource, error) {
	if strings.ContainsRune(name, filepath.Separator) && !filepath.IsAbs(name) {
		name = s.checkout.Path(name)
	}
	folder, err := components.Find(s.checkout.Path("components", "alternatives"), name)
	if err != nil {
		return nil, err
	}
	over, err := components.Read(folder)
	if err != nil {
		return nil, err
	}
	return components.Overlay(set, over)
}

// provideSecrets creates missing secrets: those of the services and the passwords of the servers that
// run. Secrets of other servers have to be in the file.
func (s *System) provideSecrets(context.Context) (err error) {
	var passwords []string
	for _, r := range s.components {
		if s.isLocal(r) {
			passwords = append(passwords, components.Secrets([]components.Resource{r})...)
		}
	}
	if s.secrets, err = secrets.Ensure(s.checkout.Secrets(), passwords...); err != nil {
		return err
	}
	for _, name := range components.Secrets(s.components) {
		if s.secrets[name] == "" {
			return fmt.Errorf("the components refer to the secret %s: add it to %s", name, s.checkout.Secrets())
		}
	}
	return nil
}

// isLocal reports whether the backend of a component is a server that this package starts.
func (s *System) isLocal(r components.Resource) bool {
	return isStateDatabase(r) || slices.ContainsFunc(optional, func(o server) bool { return r.Names(o.address) })
}

// server is a server that runs if a component names its address.
type server struct {
	role    Role
	address string
}

var optional = []server{{Redis, RedisAddress}, {RedisCache, CacheAddress}, {RabbitMQ, RabbitMQAddress}}

// servers returns the servers that run.
func (s *System) servers() []Role {
	roles := []Role{Postgres}
	for _, o := range optional {
		if slices.ContainsFunc(s.components, func(r components.Resource) bool { return r.Names(o.address) }) {
			roles = append(roles, o.role)
		}
	}
	return roles
}

// isStateDatabase reports whether a component stores its entries in this package's PostgreSQL.
func isStateDatabase(r components.Resource) bool {
	return r.Spec.Type == "state.postgresql" && r.Option("host").Value+":"+r.Option("port").Value == PostgresAddress
}

// stateDatabases returns the databases of state stores.
func (s *System) stateDatabases() []postgres.Database {
	var all []postgres.Database
	for _, r := range s.components {
		if isStateDatabase(r) {
			all = append(all, postgres.Database{
				Name: r.Option("database").Value, Role: r.Option("user").Value, Password: s.secrets[r.Option("password").SecretKeyRef.Name],
			})
		}
	}
	return all
}

// ClearStore removes all entries of a component that is a state store: "session-store" or
// "cache-store". It is for tests.
func (s *System) ClearStore(ctx context.Context, name string) error {
	for _, r := range s.components {
		switch {
		case r.Metadata.Name != name:
		case r.Names(RedisAddress):
			return redis.Delete(ctx, RedisAddress, s.secrets["redis-auth-key"], r.Option("keyPrefix").Value+"*")
		case r.Names(CacheAddress):
			return redis.Delete(ctx, CacheAddress, s.secrets["redis-cache-auth-key"], r.Option("keyPrefix").Value+"*")
		case isStateDatabase(r):
			return s.truncate(ctx, r.Option("database").Value, r.Option("tablePrefix").Value+"state")
		}
	}
	return fmt.Errorf("no way to clear %s", name)
}

// truncate removes all rows of a table.
func (s *System) truncate(ctx context.Context, database, table string) error {
	conn, err := s.postgres().Connect(ctx, database)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "TRUNCATE "+table)
	return errors.Join(err, conn.Close(ctx))
}

// Broker returns the server that delivers the events of the checkout's system, Redis or RabbitMQ; "" if
// it is another one.
func Broker(dir string) (Role, error) {
	s, err := open(Options{Dir: dir})
	if err != nil {
		return "", err
	}
	if err := s.readComponents(); err != nil {
		return "", err
	}
	for _, r := range s.components {
		for _, o := range optional {
			if r.Metadata.Name == "pubsub" && r.Names(o.address) {
				return o.role, nil
			}
		}
	}
	return "", nil
}
