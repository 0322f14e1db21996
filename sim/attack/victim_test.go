//go:build linux

package attack_test

import (
	"bufio"
	"bytes"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/benbjohnson/clock"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/transport/wire"
)

// victimItems is what the victim has stored: some 20 MB with the index.
const victimItems = 20_000

// victimBatch is how many requests the victim sends at once.
const victimBatch = 100

// Made once, since every attack asks for all of them.
var (
	victimValues = sync.OnceValue(func() []string {
		values := make([]string, victimItems)
		for i := range values {
			values[i] = strings.Repeat(fmt.Sprintf("%06d/", i), 130)[:900]
		}
		return values
	})
	getAll = sync.OnceValue(func() [][]byte {
		return batches(func(i int) []byte { return frame(wire.Get, victimKey(i), "") })
	})
)

// setAll returns the requests that store the victim's items.
func setAll() [][]byte {
	values := victimValues()
	return batches(func(i int) []byte { return frame(wire.Set, victimKey(i), values[i]) })
}

func batches(request func(i int) []byte) (all [][]byte) {
	for i := 0; i < victimItems; i += victimBatch {
		var batch bytes.Buffer
		for j := range victimBatch {
			batch.Write(request(i + j))
		}
		all = append(all, batch.Bytes())
	}
	return all
}

// A victim is another client, which stores and reads small items all the time.
type victim struct {
	*peer
	s      *server
	stored int // since it began
}

func newVictim(s *server, identity string) *victim {
	GinkgoHelper()
	v := &victim{peer: s.dial(victimAddress, identity), s: s}
	DeferCleanup(v.Close)
	for set := range v.answers(setAll()) {
		Expect(set.Status).To(Equal(wire.OK))
	}
	return v
}

func victimKey(i int) string { return fmt.Sprintf("victim/%06d", i) }

// lost returns how many of the victim's items are gone.
func (v *victim) lost() (lost int) {
	GinkgoHelper()
	values := victimValues()
	i := 0
	for r := range v.answers(getAll()) {
		if r.Status != wire.OK || string(r.Value) != values[i] {
			lost++
		}
		i++
	}
	return lost
}

// answers sends batches of requests, one after the other, and returns what is
// answered to each request.
func (v *victim) answers(batches [][]byte) iter.Seq[wire.Response] {
	GinkgoHelper()
	return func(yield func(wire.Response) bool) {
		// It reads no further than the answers of a batch, so that what comes after
		// them is still the peer's to read.
		in := bufio.NewReaderSize(v, 128<<10)
		for _, batch := range batches {
			_, err := v.Write(batch)
			Expect(err).NotTo(HaveOccurred())
			for range victimBatch {
				r, err := readResponse(in)
				Expect(err).NotTo(HaveOccurred())
				if !yield(r) {
					return
				}
			}
		}
	}
}

// served expects that what the victim stores now is stored, and returns how long
// the slowest but one in a hundred requests took.
func (v *victim) served() (p99 time.Duration) {
	GinkgoHelper()
	clk := clock.New()
	var took []time.Duration
	for range 100 {
		key, value := fmt.Sprintf("victim/new/%d", v.stored), fmt.Sprint(v.stored)
		v.stored++
		for _, request := range [][]byte{frame(wire.Set, key, value), frame(wire.Get, key, ""), frame(wire.Delete, key, "")} {
			began := clk.Now()
			r := v.ask(request)
			took = append(took, clk.Since(began))
			Expect(r.Status).To(Equal(wire.OK), "%q", r.Value)
			if len(r.Value) > 0 {
				Expect(string(r.Value)).To(Equal(value))
			}
		}
	}
	slices.Sort(took)
	return took[len(took)*99/100]
}

// holds is what the request for statistics holds itself while it is answered.
func (v *victim) holds() int64 { return 64 }
