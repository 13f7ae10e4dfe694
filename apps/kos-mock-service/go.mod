module github.com/phonebill/phonebill/apps/kos-mock-service

go 1.26.5

require github.com/phonebill/phonebill/apps/internal v0.0.0

require github.com/google/go-cmp v0.7.0 // indirect

replace github.com/phonebill/phonebill/apps/internal => ../internal
