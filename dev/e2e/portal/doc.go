// Package portal tests the customers' screens in a real browser, against the whole system.
//
// The tests start the system as `make run` does. With PHONEBILL_PORTAL_URL they use one that runs
// already. With PHONEBILL_PORTAL_PICTURES they also write a picture of each screen to that folder.
package portal
