// Package portal tests the screens of customers and administrators in a real browser, against the whole system. It checks
// each screen with axe-core, which npm downloads.
//
// The tests start the system as `make run` does. With PHONEBILL_PORTAL_URL they use one that runs
// already, the KOS mock at PHONEBILL_PORTAL_KOS, and the seeded users after the first
// PHONEBILL_PORTAL_USERS. With PHONEBILL_PORTAL_PICTURES they also write a picture of each screen to that folder.
// PHONEBILL_PORTAL_CHANGES is the number of changes of plan that are submitted twice:
//
//	PHONEBILL_E2E=1 PHONEBILL_PORTAL_CHANGES=500 make test ONLY="-v -run DoubleSubmits ./dev/e2e/portal"
package portal
