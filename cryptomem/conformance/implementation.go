package conformance

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/benbjohnson/clock"

	"github.com/Zezezknight/cryptomem/transport/wire"
)

// An Implementation seals and opens by line, as docs/conformance.md describes: it is
// told one request a line, and answers each with one line, in order. Clock must be
// set; Timeout is for each answer, by default 5 s.
type Implementation struct {
	Requests io.Writer
	Answers  io.Reader
	Clock    clock.Clock
	Timeout  time.Duration
}

// longestLine bounds an answer, in bytes: 1 MiB of value in hexadecimal, and more.
const longestLine = 4 << 20

// A speaker asks an Implementation. Once an answer has failed to come, it asks
// nothing more: what would come could not be told apart.
type speaker struct {
	Implementation
	// requests to be written, for it may not be reading.
	requests chan string
	// lines that it has answered.
	lines chan string
	gone  error
}

// ahead is how much may be asked before an answer is read.
const ahead = 64

func newSpeaker(i Implementation) *speaker {
	if i.Timeout == 0 {
		i.Timeout = DefaultTimeout
	}
	return &speaker{Implementation: i}
}

// listen begins to write requests and read answers, until stop.
func (s *speaker) listen(context.Context) error {
	s.requests, s.lines = make(chan string, ahead), make(chan string, ahead)
	go func(requests <-chan string) {
		for line := range requests {
			_, _ = io.WriteString(s.Requests, line+"\n") // who is gone does not answer, which shows
		}
	}(s.requests)
	go func(lines chan<- string) {
		defer close(lines)
		in := bufio.NewScanner(s.Answers)
		in.Buffer(nil, longestLine)
		for in.Scan() {
			lines <- in.Text()
		}
	}(s.lines)
	return nil
}

func (s *speaker) stop() { close(s.requests) }

// ask sends one line and returns its answer.
func (s *speaker) ask(ctx context.Context, line string) reply {
	s.say(line)
	return s.hear(ctx)
}

// say sends one line, at most ahead of them before hear.
func (s *speaker) say(line string) {
	if s.gone == nil {
		s.requests <- line
	}
}

func (s *speaker) hear(ctx context.Context) reply {
	if s.gone != nil {
		return reply{err: s.gone}
	}
	timer := s.Clock.Timer(s.Timeout)
	defer timer.Stop()
	select {
	case line, ok := <-s.lines:
		if ok {
			return parseReply(line)
		}
		s.gone = errors.New("the implementation ended, and has not answered")
	case <-timer.C:
		s.gone = fmt.Errorf("the implementation has not answered within %v", s.Timeout)
	case <-ctx.Done():
		s.gone = ctx.Err()
	}
	return reply{err: s.gone}
}

// A reply is what an implementation made of a line.
type reply struct {
	// Unless err is set, or it was refused.
	value []byte
	// class of the refusal.
	class string
	err   error
}

// errUnsupported is the reply of an implementation that cannot be asked that.
var errUnsupported = skip("the implementation does not support it")

func parseReply(line string) reply {
	word, rest, _ := strings.Cut(strings.TrimRight(line, "\r"), " ")
	switch word {
	case "ok":
		value, err := hex.DecodeString(rest)
		if err != nil {
			return reply{err: fmt.Errorf("the answer is %s, which is not %q and hexadecimal digits", wire.Quote([]byte(line)), "ok")}
		}
		return reply{value: value}
	case "refused":
		return reply{class: rest}
	case "unsupported":
		return reply{err: errUnsupported}
	}
	return reply{err: fmt.Errorf("the answer is %s, which begins with none of %q, %q and %q", wire.Quote([]byte(line)), "ok", "refused", "unsupported")}
}

// is demands a value.
func (r reply) is(want []byte) error {
	switch {
	case r.err != nil:
		return r.err
	case r.class != "":
		return fmt.Errorf("it is refused as %q", r.class)
	case string(r.value) != string(want):
		return fmt.Errorf("it is %s, not %s", digits(r.value), digits(want))
	}
	return nil
}

// opens is like is, for what every implementation must support.
func (r reply) opens(want []byte) error {
	if errors.Is(r.err, errUnsupported) {
		return errors.New("opening is not supported")
	}
	return r.is(want)
}

// isRefused demands a refusal, of that class if one is said.
func (r reply) isRefused(class string) error {
	switch {
	case errors.Is(r.err, errUnsupported):
		return errors.New("opening is not supported")
	case r.err != nil:
		return r.err
	case r.class == "":
		return fmt.Errorf("it opens, to %s", digits(r.value))
	case class != "" && r.class != class:
		return fmt.Errorf("it is refused as %q, not as %q", r.class, class)
	}
	return nil
}

// digits is bytes for a message: long ones by their beginning.
func digits(b []byte) string {
	if len(b) <= wire.MaxQuote {
		return fmt.Sprintf("%x", b)
	}
	return fmt.Sprintf("%x... (%d bytes)", b[:wire.MaxQuote], len(b))
}
