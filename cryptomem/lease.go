package cryptomem

import (
	"errors"

	"github.com/Zezezknight/cryptomem/sealing"
)

// A note stands under a key in place of a value. It is sealed under another name
// than the key's values, so that neither passes for the other, and a reader of the
// key finds nothing there. There are three kinds:
//
//   - A lease is the 16 random bytes of who loads the value. The value is swapped
//     in for it, so that whatever replaces or removes the note in the meantime,
//     which a Set or Delete of the key does without knowing of it, keeps out a
//     value that was loaded too early. (Nishtala et al., Scaling Memcache at
//     Facebook, NSDI '13, section 3.2.1.)
//   - A lease that was given up is empty.
//   - An absence is one byte: the loader found that there is nothing to load.
const (
	noteSuffix  = "\x00cryptomem note"
	absenceNote = "-"
	ownerSize   = 16
)

// maxNote is how large a note's envelope can be, padded or not.
const maxNote = sealing.Overhead + 2*ownerSize

// asNote makes what op stores a note.
func (op *operation) asNote() { op.key = append(op.key, noteSuffix...) }

// openNote returns the note in the envelope that op was answered with.
func (op *operation) openNote() ([]byte, error) {
	if len(op.Answer) > maxNote {
		return nil, ErrNotAuthentic
	}
	key := op.key
	op.asNote()
	note, err := op.openAs(nil)
	op.key = op.key[:len(key)]
	return note, err
}

// isNote reports whether op was answered with a note, be it past its
// expiry, or stale.
func (op *operation) isNote() bool {
	_, err := op.openNote()
	return err == nil || errors.Is(err, ErrExpired) || errors.Is(err, ErrStale)
}
