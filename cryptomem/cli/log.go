package cli

import (
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/benbjohnson/clock"
)

const (
	// maxUnwritten is how much of the log waits for a reader that has stopped, in
	// bytes. What comes beyond it is lost, and counted.
	maxUnwritten = 1 << 20
	// lastWords is how long the end of a command waits for what is unwritten.
	lastWords = time.Second
)

func newLogger(c *console, format string, level slog.Leveler) *slog.Logger {
	opts := &slog.HandlerOptions{Level: level}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(asciiJSON{c.err}, opts))
	}
	return slog.New(slog.NewTextHandler(c.err, opts))
}

// An asyncWriter never holds up who writes to it, and never fails: a log whose
// reader has stopped, or has gone, costs lines of the log and no service.
// It is safe for concurrent use.
type asyncWriter struct {
	out io.Writer

	// Guards what follows; never held while out is written to.
	mu      sync.Mutex
	pending []byte
	// Writes that found no room.
	lost int
	// Whether a goroutine is.
	writing bool
	// Closed when it ends.
	written chan struct{}
}

func newAsyncWriter(out io.Writer) *asyncWriter { return &asyncWriter{out: out} }

// Write implements io.Writer.
func (w *asyncWriter) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.pending)+len(b) > maxUnwritten {
		w.lost++
		return len(b), nil
	}
	w.pending = append(w.pending, b...)
	if !w.writing {
		w.writing, w.written = true, make(chan struct{})
		go w.write()
	}
	return len(b), nil
}

// write writes until nothing is left.
func (w *asyncWriter) write() {
	for {
		w.mu.Lock()
		b := w.pending
		w.pending = nil
		if len(b) == 0 {
			w.writing = false
			close(w.written)
			w.mu.Unlock()
			return
		}
		w.mu.Unlock()
		// an error of the log has nowhere to go
		_, _ = w.out.Write(b)
	}
}

// takeLost returns how many writes were lost since it last told, once there is
// room to say so.
func (w *asyncWriter) takeLost() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.pending) > maxUnwritten/2 {
		return 0
	}
	n := w.lost
	w.lost = 0
	return n
}

// flush waits until everything is written, but no longer than lastWords.
func (w *asyncWriter) flush(clk clock.Clock) {
	w.mu.Lock()
	written := w.written
	w.mu.Unlock()
	if written == nil {
		return
	}
	timeout := clk.Timer(lastWords)
	defer timeout.Stop()
	select {
	case <-written:
	case <-timeout.C:
	}
}

// asciiJSON escapes, in lines of JSON, what a terminal would obey: package slog
// leaves there what JSON itself allows.
type asciiJSON struct{ out io.Writer }

func (w asciiJSON) Write(line []byte) (int, error) {
	if _, err := w.out.Write(escapeJSON(line)); err != nil {
		return 0, err
	}
	return len(line), nil
}

// escapeJSON returns the same JSON, with what cannot be shown as it is written
// as \u and four digits.
func escapeJSON(text []byte) []byte {
	safe := make([]byte, 0, len(text))
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		switch {
		case r == '\n' || r == '\t' || r == '\r' || unicode.IsPrint(r) && (r != utf8.RuneError || n > 1):
			safe = append(safe, text[:n]...)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			safe = fmt.Appendf(safe, `\u%04x\u%04x`, high, low)
		default:
			safe = fmt.Appendf(safe, `\u%04x`, r)
		}
		text = text[n:]
	}
	return safe
}

// printable writes what a terminal would obey, rather than show, as Go source
// does: ESC as \x1b. The text may be a server's or a client's, and that need not be
// a friend. Line breaks stay.
func printable(text string) string {
	var safe strings.Builder
	for i, line := range strings.Split(text, "\n") {
		if i > 0 {
			safe.WriteByte('\n')
		}
		safe.WriteString(printableName(line))
	}
	return safe.String()
}

// printableName is printable for what belongs on one line.
func printableName(text string) string {
	var safe strings.Builder
	for len(text) > 0 {
		r, n := utf8.DecodeRuneInString(text)
		part := text[:n]
		if !unicode.IsPrint(r) || r == utf8.RuneError && n == 1 {
			part = strconv.Quote(part)
			part = part[1 : len(part)-1]
		}
		safe.WriteString(part)
		text = text[n:]
	}
	return safe.String()
}
