package cache

import (
	"fmt"
	"math"
)

// Limits and defaults.
const (
	// MaxKeySize is the longest key, in bytes.
	MaxKeySize = math.MaxUint16
	// DefaultMaxValueSize is the longest value unless WithMaxValueSize says
	// otherwise, in bytes.
	DefaultMaxValueSize = 1 << 20
	// MaxValueSizeLimit is the highest value size that can be configured, in
	// bytes.
	MaxValueSizeLimit = 1 << 30
	// MinMemory is the lowest memory limit that can be configured, in bytes.
	MinMemory = 1 << 20
	// maxShards bounds WithShards; more than this only costs memory.
	maxShards = 256
	// manyShards and fewShards are the defaults. Each shard has a half-full page
	// for each deadline, so a cache with less memory has fewer shards. Sixteen serve a few
	// dozen processors; below a gigabyte eight serve nearly as well, and no
	// shard has less than 16 MiB.
	manyShards, fewShards = 16, 8
	manyShardsMemory      = 1 << 30
	shardMemory           = 16 << 20
	// minShardMemory is the least that a shard works with, in bytes.
	minShardMemory = 64 << 10

	// machineDecides stands for DefaultMaxMemory until New needs it: that reads files.
	machineDecides = math.MinInt64
)

// Eviction is what a full cache does with a write.
type Eviction uint8

const (
	// EvictLeastUsed makes room by removing items that are not being read.
	EvictLeastUsed Eviction = iota
	// EvictNone refuses writes with ErrFull until items expire or are
	// deleted.
	EvictNone
)

// String returns the policy's name in configuration files.
func (e Eviction) String() string {
	switch e {
	case EvictLeastUsed:
		return "s3fifo"
	case EvictNone:
		return "none"
	}
	return fmt.Sprintf("eviction(%d)", uint8(e))
}

// ParseEviction returns the policy of that name: "s3fifo" or "none".
func ParseEviction(name string) (Eviction, error) {
	switch name {
	case "s3fifo":
		return EvictLeastUsed, nil
	case "none":
		return EvictNone, nil
	}
	return 0, fmt.Errorf("eviction is %q, want s3fifo or none", name)
}

// Option configures New.
type Option func(*options)

type options struct {
	maxMemory    int64
	eviction     Eviction
	maxValueSize int
	shards       int
	hashKey      [16]byte
	accounts     bool
}

// WithMaxMemory limits everything the cache holds, in bytes, index and
// fragmentation included. The default is DefaultMaxMemory.
func WithMaxMemory(bytes int64) Option { return func(o *options) { o.maxMemory = bytes } }

// WithEviction sets what a full cache does with a write; the default is
// EvictLeastUsed.
func WithEviction(e Eviction) Option { return func(o *options) { o.eviction = e } }

// WithMaxValueSize sets the longest value, in bytes.
func WithMaxValueSize(bytes int) Option { return func(o *options) { o.maxValueSize = bytes } }

// WithShards sets the number of independently locked parts, a power of two. The
// default is 16, or fewer with less than 1 GiB: every shard has pages of its own
// for each deadline.
func WithShards(n int) Option { return func(o *options) { o.shards = n } }

// WithHashKey keys the hash that places items. A cache that untrusted clients
// write to needs a secret random key, or they can choose keys that collide; the
// default is the zero key, which makes runs repeatable.
func WithHashKey(key [16]byte) Option { return func(o *options) { o.hashKey = key } }

func defaultShards(maxMemory int64) int {
	n := manyShards
	if maxMemory < manyShardsMemory {
		n = fewShards
	}
	for n > 1 && maxMemory/int64(n) < shardMemory {
		n /= 2
	}
	return n
}

func (o *options) validate() error {
	switch {
	case o.maxMemory < MinMemory:
		return fmt.Errorf("max memory is %d bytes, at least %d needed", o.maxMemory, int64(MinMemory))
	case o.maxValueSize < 0 || o.maxValueSize > MaxValueSizeLimit:
		return fmt.Errorf("max value size is %d bytes, want 0 to %d", o.maxValueSize, MaxValueSizeLimit)
	case o.shards < 1 || o.shards > maxShards || o.shards&(o.shards-1) != 0:
		return fmt.Errorf("shards is %d, want a power of two up to %d", o.shards, maxShards)
	case int64(o.shards)*minShardMemory > o.maxMemory:
		return fmt.Errorf("shards is %d, max memory of %d bytes allows %d", o.shards, o.maxMemory, o.maxMemory/minShardMemory)
	case o.eviction > EvictNone:
		return fmt.Errorf("eviction is %v, want s3fifo or none", o.eviction)
	}
	return nil
}

// fallbackMemory is the default limit where the machine's memory is unknown.
const fallbackMemory = 1 << 30

// DefaultMaxMemory returns 75% of the memory that the machine and its cgroup let
// this process use, in bytes; 1 GiB where that is unknown.
func DefaultMaxMemory() int64 {
	if m := machineMemory(); m > 0 {
		return max(m/4*3, MinMemory)
	}
	return fallbackMemory
}
