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

// Role names a part of the system: one of the constants, an app by its app-id,
// or the sidecar of one.
type Role string

// The parts that are neither apps nor sidecars.
const (
	Postgres Role = "postgres"
	// Redis has the sessions and the events.
	Redis Role = "redis"
	// RedisCache has the second level of the caches.
	RedisCache Role = "redis-cache"
	Ingress    Role = "ingress"
	// Runner is the Dapr CLI, which started the apps and their sidecars and
	// takes down their output.
	Runner Role = "dapr"
)

// The ports of the servers. Those of the apps and sidecars are in dapr.yaml.
const (
	IngressPort  = 8080
	PostgresPort = 15432
	RedisPort    = 16379
	CachePort    = 16380
)

// Where the servers answer.
var (
	PostgresAddress = net.JoinHostPort("127.0.0.1", strconv.Itoa(PostgresPort))
	RedisAddress    = redis.Address(RedisPort)
	CacheAddress    = redis.Address(CachePort)
)

const sidecarSuffix = "-daprd"

// Sidecar returns the role of an app's sidecar.
func Sidecar(app Role) Role { return app + sidecarSuffix }

// isSidecar reports whether the role is that of a sidecar.
func (r Role) isSidecar() bool { return strings.HasSuffix(string(r), sidecarSuffix) }

// isApp reports whether the role is that of an app.
func (r Role) isApp() bool {
	return !r.isSidecar() && !slices.Contains([]Role{Postgres, Redis, RedisCache, Ingress, Runner}, r)
}

// roleOf returns the role of a process that the runner started: a sidecar is
// told its app's id, an app's program is called by it. The role is empty if the
// process is neither.
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

// parts are the parts of a system that are there, each known by its first
// process, which may be dead while its children live.
type parts map[Role]proc.Process

// find returns the parts of this checkout's system that are there, whoever
// started them.
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

// sorted returns the roles in the order in which a system starts.
func (p parts) sorted() []Role {
	rank := func(r Role) int {
		switch r {
		case Postgres, Redis, RedisCache:
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
