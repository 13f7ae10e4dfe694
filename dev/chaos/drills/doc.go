// Package drills runs the real system through one KOS trouble at a time under a steady load:
// regulars request bills that have been seen before, newcomers request bills that only KOS has. It
// reports the answers of each second, with a chart, and checks them against bounds.
package drills
