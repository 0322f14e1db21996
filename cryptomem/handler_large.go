package cryptomem

import (
	"time"

	"github.com/Zezezknight/cryptomem/cache"
	"github.com/Zezezknight/cryptomem/transport"
)

var _ transport.LargeHandler = (*Handler)(nil)

// HandleLarge implements transport.LargeHandler: what reads a large value
// answers from the cache's own memory.
func (h *Handler) HandleLarge(now int64, dst []byte, r *transport.Request) ([]byte, transport.Reference) {
	start := len(dst)
	var ref cache.Ref
	var info cache.Info
	var ok bool
	switch r.Command {
	case transport.Get:
		dst, ref, info, ok = h.Cache.GetRef(now, transport.BeginResponse(dst), r.Key)
	case transport.GetV:
		var room [transport.ItemSize]byte
		dst, ref, info, ok = h.Cache.GetRef(now, append(transport.BeginResponse(dst), room[:]...), r.Key)
	case transport.GetDel:
		dst, ref, ok = h.Cache.GetDeleteRef(now, transport.BeginResponse(dst), r.Key)
	default:
		return h.Handle(now, dst, r), nil
	}
	if !ok {
		return transport.AppendResponse(dst[:start], transport.NotFound, nil), nil
	}
	if r.Command == transport.GetV {
		value := start + transport.ResponseHeaderSize
		transport.AppendItem(dst[value:value:value+transport.ItemSize], info.Version, info.TTL)
	}
	if !ref.Valid() {
		return transport.EndResponse(dst, start, transport.OK), nil
	}
	return transport.EndLargeResponse(dst, start, transport.OK, ref.Size()), ref
}

// Stage implements transport.LargeHandler: a large value is received where the
// cache keeps it.
func (h *Handler) Stage(_ int64, r *transport.Request, size int) (transport.Staged, error) {
	s, err := h.stage(r, size)
	if s == nil {
		return nil, err // and not a nil of another type
	}
	return s, nil
}

func (h *Handler) stage(r *transport.Request, size int) (*staged, error) {
	if size < cache.LargeValueSize {
		return nil, nil
	}
	s := &staged{command: r.Command, ttl: h.ttl(r.TTL)}
	switch r.Command {
	case transport.Set, transport.Add, transport.Replace:
	case transport.CAS:
		var err error
		if s.version, _, err = transport.CutVersion(r.Value); err != nil {
			return nil, err
		}
	default:
		return nil, nil
	}
	var err error
	if s.Staged, err = h.Cache.Stage(r.Key, size); err != nil {
		return nil, err
	}
	return s, nil
}

// A staged is a command that stores a value that is on its way into the cache.
type staged struct {
	*cache.Staged
	command transport.Command
	ttl     time.Duration
	version uint64 // that CAS expects
}

// Finish implements transport.Staged.
func (s *staged) Finish(now int64, dst []byte) []byte {
	var err error
	switch s.command {
	case transport.Set:
		_, err = s.Set(now, s.ttl)
	case transport.Add:
		_, err = s.Add(now, s.ttl)
	case transport.Replace:
		_, err = s.Replace(now, s.ttl)
	default:
		var version uint64
		if version, err = s.CompareAndSwap(now, s.ttl, s.version); err == nil {
			return appendNumber(dst, version)
		}
	}
	return appendDone(dst, err)
}
