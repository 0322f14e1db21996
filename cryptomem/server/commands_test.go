package server_test

import (
	"encoding/binary"
	"os"
	"strings"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cache"

	"github.com/Zezezknight/cryptomem/cryptomem/server"
	"github.com/Zezezknight/cryptomem/testdata"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// What docs/architecture.md says of a new command: each of these names a file that
// has yet to hear of it. The one that names the simulator's is in sim/oracle.
var _ = Describe("A command of the protocol", func() {
	for _, c := range wire.Commands() {
		It("is executed by the server: "+c.String(), func() {
			store, err := cache.New(clock.NewMock(), cache.WithMaxMemory(16<<20))
			Expect(err).NotTo(HaveOccurred())
			h := server.NewHandler(store)
			h.AllowFlush = true
			r := wire.Request{Command: c, Key: []byte("key")}
			if c == wire.Stats {
				r.Key = nil
			}
			if c.Has(wire.TakesVersion) {
				r.Value = binary.BigEndian.AppendUint64(nil, 1)
			}
			answer := string(h.Handle(store.Now(), nil, &r))
			Expect(answer).NotTo(ContainSubstring("not supported"), "Handle in cryptomem/server/handler.go has no case for it")
			Expect(answer).NotTo(BeEmpty())
		})

		It("has golden frames: "+c.String(), func() {
			all, err := testdata.Dialogues()
			Expect(err).NotTo(HaveOccurred())
			shown := false
			for _, d := range all {
				said, _ := d.Said(true)
				for len(said) >= wire.RequestHeaderSize {
					h := wire.ParseHeader(said)
					shown = shown || h.Command == c
					said = said[min(h.Size(), uint64(len(said))):]
				}
			}
			Expect(shown).To(BeTrue(), "no file of testdata/frames has a request of %s; write testdata/frames/%s.hex", c, strings.ToLower(c.String()))
		})

		It("is in the protocol's document: "+c.String(), func() {
			text, err := os.ReadFile("../../docs/protocol.md")
			Expect(err).NotTo(HaveOccurred())
			Expect(strings.Contains(string(text), "| "+c.String()+" |")).To(BeTrue(), "the table of commands in docs/protocol.md has no row | %s |", c)
		})
	}
})
