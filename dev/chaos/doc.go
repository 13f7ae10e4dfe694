// Package chaos tests that a plan change is applied exactly once or not at all under faults. It
// starts the real system, lets customers change their plans through the ingress, kills and pauses
// every part of the system meanwhile, makes KOS fail before and after it has carried out an order,
// and then compares three independent records: the customers' answers, the service's rows, and
// KOS's order log.
//
// All faults follow from a seed.
package chaos
