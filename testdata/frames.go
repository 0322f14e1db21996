// Package testdata reads the golden frames in frames/: what clients and servers
// of the protocol say to each other, byte for byte. Specs, fuzzers and the
// simulator share them.
//
// A file is a dialogue. Each of its lines is a direction, bytes in hexadecimal
// and a comment:
//
//	# what this dialogue shows
//	> 434d       the client sends two bytes
//	> 2a*1000    the client sends 0x2a a thousand times
//	< $v         the server answers with any 8 bytes, from here on called v
//	> $v         the client sends them
//	x            the server closes the connection
//
// The server of a dialogue begins with an empty store, takes values of up to
// 1 MiB, has FLUSH enabled and needs no authentication; its clock stands still.
// A dialogue without a client's line is one answer as clients may meet it.
package testdata

import (
	"bufio"
	"bytes"
	"embed"
	"encoding/hex"
	"fmt"
	"path"
	"strconv"
	"strings"
	"sync"
)

//go:embed frames/*.hex
var frames embed.FS

// A Dialogue is one golden file.
type Dialogue struct {
	// Name of the file, without directory and ending.
	Name string
	// What it shows.
	About string
	Steps []Step
	// The server closes the connection in the end.
	Closes bool
}

// A Step is what one side says before the other one does.
type Step struct {
	// Otherwise the server.
	Client bool
	Parts  []Part
}

// A Part is bytes, or a variable of 8 bytes that the server's answer decides.
type Part struct {
	Bytes []byte
	// Empty for bytes.
	Variable string
}

// VariableSize is the size of a variable, in bytes.
const VariableSize = 8

// Dialogues returns the golden files in the order of their names. All callers share
// them, and change nothing of them.
func Dialogues() ([]Dialogue, error) { return dialogues() }

// The simulator asks for a dialogue at every line of a scenario that names one.
var dialogues = sync.OnceValues(readDialogues)

func readDialogues() ([]Dialogue, error) {
	entries, err := frames.ReadDir("frames")
	if err != nil {
		return nil, err
	}
	var all []Dialogue
	for _, e := range entries {
		text, err := frames.ReadFile(path.Join("frames", e.Name()))
		if err != nil {
			return nil, err
		}
		d, err := parse(text)
		if err != nil {
			return nil, fmt.Errorf("frames/%s:%w", e.Name(), err)
		}
		d.Name = strings.TrimSuffix(e.Name(), ".hex")
		all = append(all, d)
	}
	return all, nil
}

// Said returns all that one side says, and false if that depends on the other
// side's answers.
func (d *Dialogue) Said(client bool) (all []byte, ok bool) {
	for _, step := range d.Steps {
		if step.Client != client {
			continue
		}
		for _, part := range step.Parts {
			if part.Variable != "" {
				return nil, false
			}
			all = append(all, part.Bytes...)
		}
	}
	return all, true
}

// Replay plays the client: send takes its bytes, receive returns the next n
// bytes that the server answers. It returns the first difference as an error.
func (d *Dialogue) Replay(send func([]byte) error, receive func(n int) ([]byte, error)) error {
	variables := make(map[string][]byte)
	for i, step := range d.Steps {
		for _, part := range step.Parts {
			want := part.Bytes
			if part.Variable != "" {
				want = variables[part.Variable]
			}
			if step.Client {
				if err := send(want); err != nil {
					return fmt.Errorf("%s, step %d: %w", d.Name, i, err)
				}
				continue
			}
			n := len(want)
			if part.Variable != "" {
				n = VariableSize
			}
			got, err := receive(n)
			if err != nil {
				return fmt.Errorf("%s, step %d: %w", d.Name, i, err)
			}
			if part.Variable != "" && want == nil {
				variables[part.Variable] = bytes.Clone(got)
				continue
			}
			if !bytes.Equal(got, want) {
				return fmt.Errorf("%s, step %d: the server answers %x, not %x", d.Name, i, got, want)
			}
		}
	}
	return nil
}

// parse reads one file. Its errors begin with the number of the line.
func parse(text []byte) (Dialogue, error) {
	var d Dialogue
	var about []string
	lines := bufio.NewScanner(bytes.NewReader(text))
	for number := 1; lines.Scan(); number++ {
		line := lines.Text()
		direction, rest, _ := strings.Cut(line, " ")
		switch direction {
		case "":
		case "#":
			about = append(about, rest)
		case "x":
			d.Closes = true
		case "<", ">":
			token, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
			part, err := parsePart(token)
			if err != nil {
				return Dialogue{}, fmt.Errorf("%d: %w", number, err)
			}
			d.add(direction == ">", part)
		default:
			return Dialogue{}, fmt.Errorf("%d: %q is none of # < > x", number, direction)
		}
	}
	d.About = strings.Join(about, "\n")
	return d, lines.Err()
}

func (d *Dialogue) add(client bool, p Part) {
	if n := len(d.Steps); n == 0 || d.Steps[n-1].Client != client {
		d.Steps = append(d.Steps, Step{Client: client})
	}
	last := &d.Steps[len(d.Steps)-1]
	last.Parts = append(last.Parts, p)
}

func parsePart(token string) (Part, error) {
	if name, ok := strings.CutPrefix(token, "$"); ok {
		return Part{Variable: name}, nil
	}
	digits, times, repeated := strings.Cut(token, "*")
	b, err := hex.DecodeString(digits)
	if err != nil {
		return Part{}, err
	}
	if repeated {
		n, err := strconv.Atoi(times)
		if err != nil {
			return Part{}, err
		}
		b = bytes.Repeat(b, n)
	}
	return Part{Bytes: b}, nil
}
