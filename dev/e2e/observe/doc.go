// Package observe tests the status page, and what stands behind it, beside the whole system: in
// Chromium, with real requests and a real outage of KOS.
package observe
