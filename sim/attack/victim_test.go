//go:build linux

package attack_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/benbjohnson/clock"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/transport/wire"
)

// victimItems is what the victim has stored: some 20 MB with the index.
const victimItems = 20_000

// A victim is somebody else, who stores and reads small items all the time.
type victim struct {
	*peer
	s      *server
	stored int // since it began
}

func newVictim(s *server, identity string) *victim {
	GinkgoHelper()
	v := &victim{peer: s.dial(victimAddress, identity), s: s}
	DeferCleanup(v.Close)
	for i := 0; i < victimItems; i += 100 {
		var batch bytes.Buffer
		for j := range 100 {
			batch.Write(frame(wire.Set, victimKey(i+j), victimValue(i+j)))
		}
		_, err := v.Write(batch.Bytes())
		Expect(err).NotTo(HaveOccurred())
		for range 100 {
			Expect(v.answer().Status).To(Equal(wire.OK))
		}
	}
	return v
}

func victimKey(i int) string   { return fmt.Sprintf("victim/%06d", i) }
func victimValue(i int) string { return strings.Repeat(fmt.Sprintf("%06d/", i), 130)[:900] }

// lost returns how many of the victim's items are gone.
func (v *victim) lost() (lost int) {
	GinkgoHelper()
	for i := 0; i < victimItems; i += 100 {
		var batch bytes.Buffer
		for j := range 100 {
			batch.Write(frame(wire.Get, victimKey(i+j), ""))
		}
		_, err := v.Write(batch.Bytes())
		Expect(err).NotTo(HaveOccurred())
		for j := range 100 {
			if r := v.answer(); r.Status != wire.OK || string(r.Value) != victimValue(i+j) {
				lost++
			}
		}
	}
	return lost
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
