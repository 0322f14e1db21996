package cli

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("A log whose reader has stopped", func() {
	It("never blocks the server, loses lines beyond a bound, and says how many", func() {
		reader, writer, err := os.Pipe()
		Expect(err).NotTo(HaveOccurred())
		defer writer.Close() //nolint:errcheck // only what was read counts
		w := newAsyncWriter(writer)
		s := &service{daemon: daemon{console: &console{err: w}, log: slog.New(slog.NewTextHandler(w, nil))}}
		line := strings.Repeat("x", 1<<10)
		for range 2000 { // which is more than the pipe and the log hold
			s.log.Info(line)
		}
		s.warnOfLostLines() // for which there is no room yet
		w.mu.Lock()
		lost, pending := w.lost, len(w.pending)
		w.mu.Unlock()
		Expect(lost).To(BeNumerically(">", 0))
		Expect(pending).To(BeNumerically("<=", maxUnwritten))

		var read bytes.Buffer
		var done sync.WaitGroup
		done.Go(func() { _, _ = read.ReadFrom(reader) })
		w.flush(clock.NewMock()) // a clock that never comes to the end of its patience
		s.warnOfLostLines()
		w.flush(clock.NewMock())
		Expect(writer.Close()).To(Succeed())
		done.Wait()
		Expect(strings.Count(read.String(), line)).To(Equal(2000 - lost))
		Expect(read.String()).To(MatchRegexp(`(?m)^time=.* level=WARN msg="lines of this log were lost: standard error was not read" lines=` + strconv.Itoa(lost) + `\n\z`))
	})

	It("is waited for no longer than a second at the end", func() {
		reader, writer, err := os.Pipe()
		Expect(err).NotTo(HaveOccurred())
		defer reader.Close() //nolint:errcheck // nothing was read
		w := newAsyncWriter(writer)
		_, _ = w.Write(make([]byte, maxUnwritten))
		clk := clock.NewMock()
		ended := make(chan struct{})
		go func() { defer close(ended); w.flush(clk) }()
		Eventually(func() chan struct{} { clk.Add(lastWords / 4); return ended }).Should(BeClosed())
		Expect(writer.Close()).To(Succeed())
	})

	It("that has gone is as good as one that reads", func() {
		reader, writer, err := os.Pipe()
		Expect(err).NotTo(HaveOccurred())
		Expect(reader.Close()).To(Succeed())
		w := newAsyncWriter(writer)
		for range 3 {
			Expect(w.Write([]byte("line\n"))).To(Equal(5))
		}
		w.flush(clock.NewMock())
		Expect(w.takeLost()).To(BeZero())
	})
})

var _ = Describe("What came from a peer", func() {
	const hostile = "a\x1b[2J\x07\x7f\u009b2J\u202eb\U000e0001c\n\xffé"

	It("is shown escaped", func() {
		Expect(printable(hostile)).To(Equal(`a\x1b[2J\a\x7f\u009b2J\u202eb\U000e0001c` + "\n" + `\xffé`))
		Expect(printableName(hostile)).To(HaveSuffix(`c\n\xffé`))
	})

	It("is logged escaped, and in JSON still means the same", func() {
		for _, format := range []string{"text", "json"} {
			var log bytes.Buffer
			newLogger(&console{err: &log}, format, slog.LevelInfo).Warn("from "+hostile, "key", hostile)
			Expect(log.String()).NotTo(MatchRegexp("[\x00-\x09\x0b-\x1f\x7f\u0080-\u009f\u202e\U000e0001]"), format)
			if format == "json" {
				var line struct{ Key string }
				Expect(json.Unmarshal(log.Bytes(), &line)).To(Succeed())
				Expect(line.Key).To(Equal(strings.ToValidUTF8(hostile, "\ufffd")))
			}
		}
	})
})
