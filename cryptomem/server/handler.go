package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/Zezezknight/cryptomem/cache"
	"github.com/Zezezknight/cryptomem/transport/session"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// A Handler executes the protocol's requests on a cache. It has no goroutines
// and reads no clock: a session.Session, a Server or a simulator drives it.
// It is safe for concurrent use, but for its fields, which are to be set
// before.
//
// It does not know AUTH, which belongs to a connection; see Access.
type Handler struct {
	Cache *cache.Cache
	// DefaultTTL for items stored without a TTL; 0 keeps them.
	DefaultTTL time.Duration
	// Whether FLUSH is executed.
	AllowFlush bool
	// Whether SCAN is refused.
	NoScan bool
	// Sections returns what STATS reports beside the cache, by section name:
	// values that encoding/json can marshal. Nil means nothing.
	Sections func() map[string]any
}

// NewHandler returns a Handler over c with nothing else set.
func NewHandler(c *cache.Cache) *Handler { return &Handler{Cache: c} }

var _ session.Prefetcher = (*Handler)(nil)

// Handle implements session.Handler.
func (h *Handler) Handle(now int64, dst []byte, r *wire.Request) []byte {
	switch r.Command {
	case wire.Get, wire.GetV, wire.GetDel:
		dst, ref := h.HandleLarge(now, dst, r, unbounded)
		if ref == nil {
			return dst
		}
		defer ref.Release()
		for _, piece := range ref.AppendTo(nil) {
			dst = append(dst, piece...)
		}
		return dst
	case wire.Set:
		_, err := h.Cache.Set(now, r.Key, r.Value, h.ttl(r.TTL))
		return appendDone(dst, err)
	case wire.Delete:
		return appendFound(dst, h.Cache.Delete(now, r.Key))
	case wire.Ping:
		return wire.AppendResponse(dst, wire.OK, r.Value)
	case wire.Add:
		_, err := h.Cache.Add(now, r.Key, r.Value, h.ttl(r.TTL))
		return appendDone(dst, err)
	case wire.Replace:
		_, err := h.Cache.Replace(now, r.Key, r.Value, h.ttl(r.TTL))
		return appendDone(dst, err)
	case wire.Touch:
		_, err := h.Cache.Touch(now, r.Key, r.TTL)
		return appendDone(dst, err)
	case wire.CAS:
		return h.compareAndSwap(now, dst, r)
	case wire.Stats:
		return h.stats(dst, r.Key)
	case wire.Flush:
		return h.flush(now, dst, r.Key)
	case wire.Scan:
		return h.scan(now, dst, r)
	case wire.Auth:
		return wire.AppendResponse(dst, wire.OK, nil) // where nothing is asked, anyone is welcome
	}
	return appendError(dst, fmt.Errorf("%s is not supported", r.Command))
}

// Prefetch implements session.Prefetcher.
func (h *Handler) Prefetch(keys [][]byte) { h.Cache.Prefetch(keys) }

// unbounded is for values that are copied at once.
func unbounded(int) bool { return true }

// ttl applies the configured default.
func (h *Handler) ttl(ttl time.Duration) time.Duration {
	if ttl == 0 {
		return h.DefaultTTL
	}
	return ttl
}

func (h *Handler) compareAndSwap(now int64, dst []byte, r *wire.Request) []byte {
	version, value, err := wire.CutVersion(r.Value)
	if err != nil {
		return appendError(dst, err)
	}
	version, err = h.Cache.CompareAndSwap(now, r.Key, value, h.ttl(r.TTL), version)
	if err != nil {
		return appendDone(dst, err)
	}
	return appendNumber(dst, version)
}

func (h *Handler) flush(now int64, dst, prefix []byte) []byte {
	if !h.AllowFlush {
		return wire.FlushNotEnabled.Append(dst, wire.Flush)
	}
	return appendNumber(dst, h.Cache.Flush(now, prefix))
}

// How many names SCAN returns at a time: by default, and at most.
const (
	defaultNames = 100
	maxNames     = 1000
)

func (h *Handler) scan(now int64, dst []byte, r *wire.Request) []byte {
	if h.NoScan {
		return wire.ScanNotEnabled.Append(dst, wire.Scan)
	}
	cursor, most, err := wire.ParseScan(r.Value)
	if err != nil {
		return appendError(dst, err)
	}
	if most == 0 {
		most = defaultNames
	}
	start := len(dst)
	dst = wire.AppendNumber(wire.BeginResponse(dst), 0)
	next := h.Cache.ScanKeys(now, cursor, r.Key, int(min(most, maxNames)), func(name []byte) { dst = wire.AppendName(dst, name) })
	value := start + wire.ResponseHeaderSize
	wire.AppendNumber(dst[value:value:value+wire.VersionSize], next)
	return wire.EndResponse(dst, start, wire.OK)
}

// stats answers with one section, or with all of them by name.
func (h *Handler) stats(dst, section []byte) []byte {
	sections := make(map[string]any)
	if h.Sections != nil {
		maps.Copy(sections, h.Sections()) // which may be asked for by others, too
	}
	sections["cache"] = h.Cache.Stats()
	var answer any = sections
	if len(section) > 0 {
		var ok bool
		if answer, ok = sections[string(section)]; !ok {
			return appendError(dst, fmt.Errorf("statistics have no section %s", wire.Quote(section)))
		}
	}
	text, err := json.Marshal(answer)
	if err != nil {
		return appendError(dst, fmt.Errorf("statistics: %w", err))
	}
	return wire.AppendResponse(dst, wire.OK, text)
}

// appendDone answers a command that stores with the outcome err.
func appendDone(dst []byte, err error) []byte {
	switch {
	case err == nil:
		return wire.AppendResponse(dst, wire.OK, nil)
	case errors.Is(err, cache.ErrNotFound):
		return wire.AppendResponse(dst, wire.NotFound, nil)
	case errors.Is(err, cache.ErrExists):
		return wire.AppendResponse(dst, wire.Exists, nil)
	}
	return appendError(dst, err)
}

func appendFound(dst []byte, found bool) []byte {
	if found {
		return wire.AppendResponse(dst, wire.OK, nil)
	}
	return wire.AppendResponse(dst, wire.NotFound, nil)
}

func appendNumber(dst []byte, n uint64) []byte {
	start := len(dst)
	return wire.EndResponse(wire.AppendNumber(wire.BeginResponse(dst), n), start, wire.OK)
}

func appendError(dst []byte, err error) []byte {
	return refusal(err).Append(dst, 0)
}

// refusal returns the answer that a client gets for err.
func refusal(err error) wire.Refusal {
	if errors.Is(err, cache.ErrFull) || errors.Is(err, cache.ErrAccountFull) {
		return wire.RefuseFull("%v", err)
	}
	return wire.RefusalOf(err)
}
