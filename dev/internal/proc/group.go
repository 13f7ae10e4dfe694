package proc

// Family returns the process, its running descendants, and the members of its process group if it
// has ended itself. The process comes first if it is alive, because some parents restart dead
// children.
//
// A process started by Start leads its group, and the kernel does not reuse the group's number
// while it has members, so all members found are ours.
func (p Process) Family() []Process {
	all := list()
	family := make(map[int]bool)
	if leader, err := readStat(p.PID); err != nil || leader.Process == p {
		for _, s := range all {
			family[s.PID] = s.PID == p.PID || s.group == p.PID
		}
	}
	for grown := true; grown; {
		grown = false
		for _, s := range all {
			if !family[s.PID] && family[s.parent] {
				family[s.PID], grown = true, true
			}
		}
	}
	var members []Process
	for _, s := range all {
		switch {
		case s.Process == p && family[s.PID]:
			members = append([]Process{p}, members...)
		case family[s.PID]:
			members = append(members, s.Process)
		}
	}
	return members
}
