package valkeystore

import (
	"context"
	"errors"
	"os"
	"slices"
	"time"

	"github.com/Zezezknight/cryptomem/transport/socket"
)

// An answers is what a lone caller reads for itself: the answers to the commands that
// it has sent.
type answers struct {
	direct *directPath
	// How many are still to come.
	left int
	// What was read, of which the first at bytes were taken.
	in []byte
	at int

	// How long the server may send nothing, how long the next read waits, and how long
	// there has been nothing.
	patience, wait, waited time.Duration
	// far is set if a read waited in vain.
	far bool
}

// answers returns the next n answers, for the caller that has sent n commands.
func (a *directPath) answers(n int, patience time.Duration) answers {
	return answers{direct: a, left: n, in: a.in[:0], patience: patience, wait: socket.LoneWait + time.Duration(n-1)*socket.LoneWait/loneBatch}
}

// next returns the next answer, which stays valid until the following call, and where
// what it says begins. With an error, the caller's turn is over.
func (r *answers) next(ctx context.Context) (b []byte, head int, err error) {
	for asked := false; ; asked = true {
		rest, size := r.in[r.at:], 0
		head, size, err = answerSize(rest)
		if err == nil && size > 0 && len(rest) >= size {
			r.at += size
			r.left--
			return rest[:size], head, nil
		}
		if err == nil && asked && ctx.Err() != nil {
			r.direct.conn.network.heard(r.far)
			r.direct.giveUp(r.left, rest, size)
			return nil, 0, ctx.Err()
		}
		if err == nil {
			err = r.read(size)
		}
		if err != nil {
			r.direct.conn.network.heard(r.far)
			r.direct.end()
			return nil, 0, r.direct.conn.failed(err)
		}
	}
}

// read reads more of an answer of that size; 0 if it is not known.
func (r *answers) read(size int) error {
	if r.at > 0 {
		r.in, r.at = r.in[:copy(r.in, r.in[r.at:])], 0
	}
	most := max(min(minRead*r.left, keepFrame/2), size-len(r.in))
	r.in = slices.Grow(r.in, min(most, max(keepFrame, len(r.in))))
	n, err := r.direct.nc.ReadWithin(r.in[len(r.in):cap(r.in)], r.wait)
	r.in = r.in[:len(r.in)+max(n, 0)]
	switch late := errors.Is(err, os.ErrDeadlineExceeded); {
	case late && r.waited+r.wait < r.patience:
		r.far = true
		r.waited += r.wait
		r.wait = min(2*r.wait, longestWait)
		return nil
	case err == nil:
		r.waited = 0
	}
	return err
}

// end ends the turn of a caller that has all its answers.
func (r *answers) end() {
	a := r.direct
	a.conn.network.heard(r.far)
	if cap(r.in) <= keepFrame {
		a.in = r.in
	}
	a.finish(r.in[r.at:])
}
