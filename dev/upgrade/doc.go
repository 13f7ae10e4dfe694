// Package upgrade tests a rolling upgrade and its rollback with the programs of two releases: work
// that waits for KOS must be neither lost nor doubled. See README.md.
package upgrade
