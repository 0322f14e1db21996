module github.com/Zezezknight/cryptomem/cryptomem/bench/peers

go 1.26.0

require (
	github.com/Zezezknight/cryptomem v0.0.0
	github.com/benbjohnson/clock v1.3.5
	github.com/bradfitz/gomemcache v0.0.0-20260422231931-4d751bb6e37c
	github.com/redis/rueidis v1.0.64
)

require (
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	golang.org/x/crypto v0.58.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
)

replace github.com/Zezezknight/cryptomem => ../../..
