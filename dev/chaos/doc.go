// Package chaos runs the real system under load while parts of it, or KOS, fail. A Scenario is a
// load, a schedule of faults and what must hold; Run executes it and returns a Report, which checks
// it. Kills, Outage and Drills are the scenarios.
package chaos
