package proc

import (
	"fmt"
	"testing"
)

func TestDeadAfterTheLastThread(t *testing.T) {
	t.Parallel()
	for s, want := range map[stat]bool{
		{state: "S", threads: 4}: false,
		{state: "T", threads: 1}: false,
		{state: "Z", threads: 4}: false, // it still has its ports
		{state: "Z", threads: 1}: true,
		{state: "Z", threads: 0}: true,
		{state: "X"}:             true,
	} {
		t.Run(fmt.Sprint(s.state, s.threads), func(t *testing.T) {
			if got := s.dead(); got != want {
				t.Errorf("%s with %d threads: dead is %t", s.state, s.threads, got)
			}
		})
	}
}

func TestListening(t *testing.T) {
	t.Parallel()
	listens := "   2: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 31337 1 0 100"
	connected := "   2: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000  1000        0 31338 1 0 100"
	if inode, uid, ok := listening(listens, 8080); !ok || inode != "31337" || uid != "1000" {
		t.Errorf("inode %q, uid %q, %t", inode, uid, ok)
	}
	for name, test := range map[string]struct {
		line string
		port int
	}{
		"another port":  {listens, 8081},
		"a connection":  {connected, 8080},
		"the head":      {"  sl  local_address rem_address   st", 8080},
		"an empty line": {"", 8080},
		"a remote port": {connected, 50000},
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, ok := listening(test.line, test.port); ok {
				t.Errorf("%s was parsed as a listener", name)
			}
		})
	}
}
