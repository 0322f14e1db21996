package cryptomem

import (
	"context"
	"fmt"
)

// serverShift is where a ring's cursor has the server's place, above that server's
// own cursor.
const serverShift = 56

// scan takes one step through the names of all servers, one after the other. A
// server that does not answer fails the step: its names would be missing.
func (s *ringStore) scan(ctx context.Context, r *Request) error {
	i := int(r.Cursor >> serverShift)
	if i >= len(s.stores) {
		r.Answer, r.Cursor = r.Answer[:0], 0
		return nil
	}
	asked := r.Cursor
	r.Cursor &= 1<<serverShift - 1
	if err := s.note(ctx, i, s.stores[i].Do(ctx, r)); err != nil {
		// it may be sent again
		r.Cursor = asked
		return err
	}
	switch {
	case r.Cursor>>serverShift != 0:
		return fmt.Errorf("%w: cursor of server %s is too large for a ring", ErrNotSupported, s.name(i))
	case r.Cursor != 0:
		r.Cursor |= uint64(i) << serverShift
	case i+1 < len(s.stores):
		r.Cursor = uint64(i+1) << serverShift
	}
	return nil
}
