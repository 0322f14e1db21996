package server

import (
	"errors"
	"time"

	"github.com/Zezezknight/cryptomem/cache"
	"github.com/Zezezknight/cryptomem/transport/session"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

var _ session.LargeHandler = (*Handler)(nil)

// HandleLarge implements session.LargeHandler: what reads a large value
// answers from the cache's own memory.
func (h *Handler) HandleLarge(now int64, dst []byte, r *wire.Request, reserve func(bytes int) bool) ([]byte, session.Reference) {
	start := len(dst)
	var ref cache.Ref
	var info cache.Info
	var ok bool
	admitted := true
	switch r.Command {
	case wire.Get:
		dst, ref, info, ok = h.Cache.GetRef(now, wire.BeginResponse(dst), r.Key)
	case wire.GetV:
		var room [wire.ItemSize]byte
		dst, ref, info, ok = h.Cache.GetRef(now, append(wire.BeginResponse(dst), room[:]...), r.Key)
	case wire.GetDel:
		var err error
		dst, ref, err = h.Cache.GetDeleteRef(now, wire.BeginResponse(dst), r.Key, reserve)
		ok, admitted = err == nil, !errors.Is(err, cache.ErrNotAdmitted)
	default:
		return h.Handle(now, dst, r), nil
	}
	if ref.Valid() && r.Command != wire.GetDel {
		if admitted = reserve(ref.Size()); !admitted {
			ref.Release()
		}
	}
	if !admitted {
		return session.MemoryUsedUp.Append(dst[:start], r.Command), nil
	}
	if !ok {
		return wire.AppendResponse(dst[:start], wire.NotFound, nil), nil
	}
	if r.Command == wire.GetV {
		value := start + wire.ResponseHeaderSize
		wire.AppendItem(dst[value:value:value+wire.ItemSize], info.Version, info.TTL)
	}
	if !ref.Valid() {
		return wire.EndResponse(dst, start, wire.OK), nil
	}
	return wire.EndLargeResponse(dst, start, wire.OK, ref.Size()), ref
}

// BeginUpload implements session.LargeHandler: a large value is received where the
// cache keeps it.
func (h *Handler) BeginUpload(_ int64, r *wire.Request, size int) (session.Upload, error) {
	s, err := h.beginUpload(r, size)
	if err != nil {
		return nil, refusal(err)
	}
	if s == nil {
		return nil, nil // and not a nil of another type
	}
	return s, nil
}

func (h *Handler) beginUpload(r *wire.Request, size int) (*upload, error) {
	if size < cache.LargeValueSize {
		return nil, nil
	}
	s := &upload{command: r.Command, ttl: h.ttl(r.TTL)}
	switch r.Command {
	case wire.Set, wire.Add, wire.Replace:
	case wire.CAS:
		var err error
		if s.version, _, err = wire.CutVersion(r.Value); err != nil {
			return nil, err
		}
	default:
		return nil, nil
	}
	var err error
	if s.Upload, err = h.Cache.BeginUpload(r.Key, size); err != nil {
		return nil, err
	}
	return s, nil
}

// An upload is a command that stores a value that is on its way into the cache.
type upload struct {
	*cache.Upload
	command wire.Command
	ttl     time.Duration
	// The version that CAS expects.
	version uint64
}

// Buffer implements session.Upload.
func (s *upload) Buffer() ([]byte, error) {
	room, err := s.Upload.Buffer()
	if err != nil {
		return nil, refusal(err)
	}
	return room, nil
}

// Finish implements session.Upload.
func (s *upload) Finish(now int64, dst []byte) []byte {
	var err error
	switch s.command {
	case wire.Set:
		_, err = s.Set(now, s.ttl)
	case wire.Add:
		_, err = s.Add(now, s.ttl)
	case wire.Replace:
		_, err = s.Replace(now, s.ttl)
	default:
		var version uint64
		if version, err = s.CompareAndSwap(now, s.ttl, s.version); err == nil {
			return appendNumber(dst, version)
		}
	}
	return appendDone(dst, err)
}
