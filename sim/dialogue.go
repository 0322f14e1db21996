package sim

import (
	"bytes"
	"fmt"

	"github.com/Zezezknight/cryptomem/testdata"
)

// A dialogue is one of the golden frames, as far as it has been played: what the
// client says is sent, and what the server answers must be that, byte for byte.
type dialogue struct {
	testdata.Dialogue
	variables map[string][]byte
	// step that comes next.
	step int
	// part of it.
	part int
}

// newDialogue returns the dialogue of that name, which the parser has seen to.
func newDialogue(name string) (*dialogue, error) {
	all, err := testdata.Dialogues()
	if err != nil {
		return nil, err
	}
	for _, d := range all {
		if d.Name == name {
			return &dialogue{Dialogue: d, variables: map[string][]byte{}}, nil
		}
	}
	return nil, fmt.Errorf("no golden frames are called %q", name)
}

// spoken reports whether all has been said, on both sides.
func (d *dialogue) spoken() bool { return d.step == len(d.Steps) }

// say returns what the client says now: nothing when it is the server's turn.
func (d *dialogue) say() (all []byte) {
	for !d.spoken() && d.Steps[d.step].Client {
		for _, part := range d.Steps[d.step].Parts {
			if part.Variable != "" {
				all = append(all, d.variables[part.Variable]...)
			}
			all = append(all, part.Bytes...)
		}
		d.step++
	}
	return all
}

// hear takes what the server has said from received, and returns the rest.
func (d *dialogue) hear(received []byte) ([]byte, error) {
	for !d.spoken() && !d.Steps[d.step].Client {
		part := d.Steps[d.step].Parts[d.part]
		want := part.Bytes
		if part.Variable != "" {
			if want = d.variables[part.Variable]; want == nil && len(received) >= testdata.VariableSize {
				want = bytes.Clone(received[:testdata.VariableSize])
				d.variables[part.Variable] = want
			}
			if want == nil {
				return received, nil
			}
		}
		n := min(len(want), len(received))
		if !bytes.Equal(received[:n], want[:n]) {
			return received, fmt.Errorf("@%s: the server answers %s, where it should go on %s", d.Name, brief(received), brief(want))
		}
		if n < len(want) {
			return received, nil
		}
		received = received[n:]
		if d.part++; d.part == len(d.Steps[d.step].Parts) {
			d.step, d.part = d.step+1, 0
		}
	}
	return received, nil
}
