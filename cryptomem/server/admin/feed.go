package admin

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/benbjohnson/clock"
)

// How often the page gets new figures, and for how long it can look back when
// it is opened.
const (
	sampleInterval = time.Second
	historySamples = 180
)

// retry tells browsers to come back soon, in milliseconds, when a connection ends.
const retry = "retry: 1000\n"

// A feed samples the server and sends the samples to all who listen, as
// server-sent events: first what is remembered, then each new one.
type feed struct {
	subject *Subject
	stop    chan struct{}
	done    sync.WaitGroup
	once    sync.Once

	// Guards what follows.
	mu sync.Mutex
	// JSON of past samples, without their requests.
	history [][]byte
	// JSON of the latest one, whole.
	latest []byte
	// Closed when there is a newer one.
	next chan struct{}
}

func newFeed(subject *Subject, clk clock.Clock) *feed {
	f := &feed{subject: subject, stop: make(chan struct{}), next: make(chan struct{})}
	f.sample()
	ticker := clk.Ticker(sampleInterval)
	f.done.Go(func() {
		defer ticker.Stop()
		for {
			select {
			case <-f.stop:
				return
			case <-ticker.C:
				f.sample()
			}
		}
	})
	return f
}

func (f *feed) close() {
	f.once.Do(func() { close(f.stop) })
	f.done.Wait()
}

func (f *feed) sample() {
	r := f.subject.Report()
	past := r
	if f.subject.Past != nil {
		past = f.subject.Past(r)
	}
	latest, err := json.Marshal(r)
	remembered, err2 := json.Marshal(past)
	if err != nil || err2 != nil {
		return // of what a report holds, everything can be written
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.history) == historySamples {
		f.history = append(f.history[:0], f.history[1:]...)
	}
	f.history = append(f.history, remembered)
	f.latest = latest
	close(f.next)
	f.next = make(chan struct{})
}

// read returns the latest sample, and what to wait for until the next one.
func (f *feed) read() (latest []byte, next <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.latest, f.next
}

// remembered returns the past samples as a JSON array.
func (f *feed) remembered() []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append(append([]byte{'['}, bytes.Join(f.history, []byte{','})...), ']')
}

// ServeHTTP implements http.Handler.
func (f *feed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	out := http.NewResponseController(w)
	// a client that has gone fails at the next write
	_, _ = io.WriteString(w, retry)
	latest, next := f.read()
	send := func(event string, data []byte) bool {
		_, err := w.Write(append(append([]byte("event: "+event+"\ndata: "), data...), "\n\n"...))
		return err == nil && out.Flush() == nil
	}
	if !send("history", f.remembered()) || !send("sample", latest) {
		return
	}
	for {
		select {
		case <-f.stop:
			return
		case <-r.Context().Done():
			return
		case <-next:
		}
		latest, next = f.read()
		if !send("sample", latest) {
			return
		}
	}
}
