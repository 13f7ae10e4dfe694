package system

import (
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/phonebill/phonebill/dev/internal/proc"
	"github.com/phonebill/phonebill/dev/internal/redis"
	"github.com/phonebill/phonebill/dev/internal/runfile"
)

// Role is the name of a part of the system: one of the constants, an app id, or the sidecar of an
// app.
type Role string

// The parts that are neither apps nor sidecars.
const (
	Postgres Role = "postgres"
	// Redis stores sessions and events.
	Redis Role = "redis"
	// RedisCache stores L2.
	RedisCache Role = "redis-cache"
	// RabbitMQ delivers events if the components say so.
	RabbitMQ Role = "rabbitmq"
	Ingress  Role = "ingress"
	// Runner is the Dapr CLI, which starts the apps and their sidecars and writes their logs.
	Runner Role = "dapr"
)

// Ports of the servers. Those of apps and sidecars are in dapr.yaml.
const (
	IngressPort  = 8080
	PostgresPort = 15432
	RedisPort    = 16379
	CachePort    = 16380
	RabbitMQPort = 15673
)

// Addresses of the servers.
var (
	PostgresAddress = net.JoinHostPort("127.0.0.1", strconv.Itoa(PostgresPort))
	RedisAddress    = redis.Address(RedisPort)
	CacheAddress    = redis.Address(CachePort)
	RabbitMQAddress = net.JoinHostPort("127.0.0.1", strconv.Itoa(RabbitMQPort))
)

const sidecarSuffix = "-daprd"

// Sidecar returns the role of an app's sidecar.
func Sidecar(app Role) Role { return app + sidecarSuffix }

// isSidecar reports whether the role is that of a sidecar.
func (r Role) isSidecar() bool { return strings.HasSuffix(string(r), sidecarSuffix) }

// isApp reports whether the role is that of an app.
func (r Role) isApp() bool {
	return !r.isSidecar() && !slices.Contains([]Role{Postgres, Redis, RedisCache, RabbitMQ, Ingress, Runner}, r)
}

// roleOf returns the role of a process that the runner started: a sidecar has its app's id as
// argument, an app's program has the app's name. It returns "" for other processes.
func roleOf(process proc.Process, apps []runfile.App) Role {
	args := process.Args()
	if len(args) == 0 {
		return ""
	}
	program := filepath.Base(args[0])
	for _, app := range apps {
		switch {
		case program == app.ID:
			return Role(app.ID)
		case program == "daprd" && slices.Contains(args, app.ID):
			return Sidecar(Role(app.ID))
		}
	}
	return ""
}

// parts are the existing parts of a system, each identified by its first process, which may be dead
// while its children run.
type parts map[Role]proc.Process

// find returns the existing parts of this checkout's system, including those of other starts.
func find(records proc.Records, apps []runfile.App) (parts, error) {
	recorded, err := records.All()
	if err != nil {
		return nil, err
	}
	found := make(parts)
	for name, process := range recorded {
		family := process.Family()
		if len(family) == 0 {
			continue
		}
		found[Role(name)] = process
		if Role(name) != Runner {
			continue
		}
		for _, member := range family {
			if role := roleOf(member, apps); role != "" {
				found[role] = member
			}
		}
	}
	return found, nil
}

// sorted returns the roles in start order.
func (p parts) sorted() []Role {
	rank := func(r Role) int {
		switch r {
		case Postgres, Redis, RedisCache, RabbitMQ:
			return 0
		case Runner:
			return 1
		case Ingress:
			return 3
		default:
			return 2
		}
	}
	roles := make([]Role, 0, len(p))
	for role := range p {
		roles = append(roles, role)
	}
	slices.SortFunc(roles, func(a, b Role) int {
		if ranks := rank(a) - rank(b); ranks != 0 {
			return ranks
		}
		return strings.Compare(string(a), string(b))
	})
	return roles
}
