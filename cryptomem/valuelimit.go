package cryptomem

import (
	"errors"
	"sync/atomic"

	"github.com/Zezezknight/cryptomem/transport/wire"
)

// A valueLimit is the largest sealed value that a server accepts, learned from a
// refusal. Larger values are then refused without being sent. The limit is forgotten
// with the connection, since a server may restart with other settings.
type valueLimit struct{ bytes atomic.Uint64 }

func (l *valueLimit) learn(err error) {
	var refused *ServerError
	if !errors.As(err, &refused) {
		return
	}
	if limit, ok := (wire.Refusal{Status: refused.Status, Message: refused.Message}).ValueLimit(); ok {
		l.bytes.Store(limit)
	}
}

func (l *valueLimit) forget() { l.bytes.Store(0) }

// check returns the server's own refusal of a sealed value that is too large.
func (l *valueLimit) check(sealed []byte) error {
	limit, size := l.bytes.Load(), uint64(len(sealed))
	if limit == 0 || size <= limit {
		return nil
	}
	why := wire.RefuseTooLarge(size, limit)
	return &ServerError{Status: why.Status, Message: why.Message}
}
