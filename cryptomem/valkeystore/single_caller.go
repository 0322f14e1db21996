package valkeystore

import (
	"sync/atomic"

	"github.com/Zezezknight/cryptomem/transport/socket"
)

// A singleCaller notices when the calls of a store come one at a time.
type singleCaller struct {
	calls  atomic.Int32
	row    atomic.Int32
	enough atomic.Int32
}

// begin counts a call and reports whether it may go past valkey-go.
func (l *singleCaller) begin() bool {
	if l.calls.Add(1) > 1 {
		l.row.Store(0)
		return false
	}
	return l.row.Add(1) > max(socket.AloneFor, l.enough.Load())
}

func (l *singleCaller) end() { l.calls.Add(-1) }

// heard notes whether an answer took long: little is saved there.
func (l *singleCaller) heard(late bool) {
	if !late {
		l.enough.Store(socket.AloneFor)
		return
	}
	l.row.Store(0)
	l.enough.Store(min(2*max(socket.AloneFor, l.enough.Load()), socket.AloneForFar))
}
