package cryptomem

import (
	"errors"

	"github.com/Zezezknight/cryptomem/sealing"
)

// A note is stored under a key in place of a value. It is sealed under another name
// than the key's values, so that neither can be mistaken for the other, and a reader
// of the key finds nothing. There are three kinds:
//
//   - A lease is the 16 random bytes of the flight that loads the value. The value
//     is swapped in for it. A Set or Delete of the key in the meantime removes the
//     lease without knowing of it, so a value loaded too early is not stored.
//     (Nishtala et al., Scaling Memcache at Facebook, NSDI '13, section 3.2.1.)
//   - A lease that was given up is empty.
//   - An absence is one byte: the loader found that there is nothing to load.
const (
	noteSuffix  = "\x00cryptomem note"
	absenceNote = "-"
	ownerSize   = 16
)

// maxNote is how large a note's envelope can be, padded or not.
const maxNote = sealing.Overhead + 2*ownerSize

// asNote makes op store a note.
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

// isNote reports whether op was answered with a note, even an expired or stale one.
func (op *operation) isNote() bool {
	_, err := op.openNote()
	return err == nil || errors.Is(err, ErrExpired) || errors.Is(err, ErrStale)
}
