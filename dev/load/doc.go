// Package load runs the real system under the load of many customers and measures it. A Scenario is
// a number of users, the behaviour of KOS, and rounds of visits; a Report has the latencies of each
// step, the CPU time of each part, and faults.
package load
