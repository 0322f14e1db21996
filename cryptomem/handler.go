package cryptomem

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/Zezezknight/cryptomem/cache"
	"github.com/Zezezknight/cryptomem/transport"
)

// A Handler executes the protocol's requests on a cache. It has no goroutines
// and reads no clock: a transport.Session, a Server or a simulator drives it.
// It is safe for concurrent use, but for its fields, which are to be set
// before.
//
// It does not know AUTH, which belongs to a connection; see Access.
type Handler struct {
	Cache      *cache.Cache
	DefaultTTL time.Duration // for items stored without a TTL; 0 keeps them
	AllowFlush bool          // whether FLUSH is executed
	// Sections returns what STATS reports beside the cache, by section name:
	// values that encoding/json can marshal. Nil means nothing.
	Sections func() map[string]any
}

// NewHandler returns a Handler over c with nothing else set.
func NewHandler(c *cache.Cache) *Handler { return &Handler{Cache: c} }

var _ transport.Handler = (*Handler)(nil)

// Handle implements transport.Handler.
func (h *Handler) Handle(now int64, dst []byte, r *transport.Request) []byte {
	switch r.Command {
	case transport.Get, transport.GetV, transport.GetDel:
		dst, ref := h.HandleLarge(now, dst, r)
		if ref == nil {
			return dst
		}
		defer ref.Release()
		for _, piece := range ref.AppendTo(nil) {
			dst = append(dst, piece...)
		}
		return dst
	case transport.Set:
		_, err := h.Cache.Set(now, r.Key, r.Value, h.ttl(r.TTL))
		return appendDone(dst, err)
	case transport.Delete:
		return appendFound(dst, h.Cache.Delete(now, r.Key))
	case transport.Ping:
		return transport.AppendResponse(dst, transport.OK, r.Value)
	case transport.Add:
		_, err := h.Cache.Add(now, r.Key, r.Value, h.ttl(r.TTL))
		return appendDone(dst, err)
	case transport.Replace:
		_, err := h.Cache.Replace(now, r.Key, r.Value, h.ttl(r.TTL))
		return appendDone(dst, err)
	case transport.Touch:
		_, err := h.Cache.Touch(now, r.Key, r.TTL)
		return appendDone(dst, err)
	case transport.CAS:
		return h.compareAndSwap(now, dst, r)
	case transport.Stats:
		return h.stats(dst, string(r.Key))
	case transport.Flush:
		return h.flush(now, dst, r.Key)
	case transport.Auth:
		return transport.AppendResponse(dst, transport.OK, nil) // where nothing is asked, anyone is welcome
	}
	return appendError(dst, fmt.Errorf("%s is not supported", r.Command))
}

// ttl applies the configured default.
func (h *Handler) ttl(ttl time.Duration) time.Duration {
	if ttl == 0 {
		return h.DefaultTTL
	}
	return ttl
}

func (h *Handler) compareAndSwap(now int64, dst []byte, r *transport.Request) []byte {
	version, value, err := transport.CutVersion(r.Value)
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
		return appendError(dst, errors.New("FLUSH is not enabled on this server"))
	}
	return appendNumber(dst, h.Cache.Flush(now, prefix))
}

// stats answers with one section, or with all of them by name.
func (h *Handler) stats(dst []byte, section string) []byte {
	sections := make(map[string]any)
	if h.Sections != nil {
		maps.Copy(sections, h.Sections()) // which may be asked for by others, too
	}
	sections["cache"] = h.Cache.Stats()
	var answer any = sections
	if section != "" {
		var ok bool
		if answer, ok = sections[section]; !ok {
			return appendError(dst, fmt.Errorf("statistics have no section %q", section))
		}
	}
	text, err := json.Marshal(answer)
	if err != nil {
		return appendError(dst, fmt.Errorf("statistics: %w", err))
	}
	return transport.AppendResponse(dst, transport.OK, text)
}

// appendDone answers a command that stores with the outcome err.
func appendDone(dst []byte, err error) []byte {
	switch {
	case err == nil:
		return transport.AppendResponse(dst, transport.OK, nil)
	case errors.Is(err, cache.ErrNotFound):
		return transport.AppendResponse(dst, transport.NotFound, nil)
	case errors.Is(err, cache.ErrExists):
		return transport.AppendResponse(dst, transport.Exists, nil)
	}
	return appendError(dst, err)
}

func appendFound(dst []byte, found bool) []byte {
	if found {
		return transport.AppendResponse(dst, transport.OK, nil)
	}
	return transport.AppendResponse(dst, transport.NotFound, nil)
}

func appendNumber(dst []byte, n uint64) []byte {
	start := len(dst)
	return transport.EndResponse(transport.AppendNumber(transport.BeginResponse(dst), n), start, transport.OK)
}

func appendError(dst []byte, err error) []byte {
	return transport.AppendResponse(dst, transport.Error, []byte(err.Error()))
}
