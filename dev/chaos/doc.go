// Package chaos proves that a plan change is applied exactly once or not at all,
// whatever dies meanwhile. It starts the real system, lets many customers change
// their plans through the ingress, kills and pauses every part of the system
// while they do, lets KOS fail before and after it has carried out an order, and
// then compares what three know independently of one another: the customers,
// the service's rows, and KOS's log.
//
// Everything that is done to the system follows from a seed.
package chaos
