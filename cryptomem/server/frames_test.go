package server_test

import (
	"bytes"
	"encoding/hex"
	"io"
	"net"
	"os"
	"strings"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cache"

	"github.com/Zezezknight/cryptomem/cryptomem/server"
	"github.com/Zezezknight/cryptomem/testdata"
	"github.com/Zezezknight/cryptomem/transport/session"
)

// Each golden dialogue is an entry of its own, so that a failure names it.
var _ = Describe("the golden frames", func() {
	all, err := testdata.Dialogues()
	if err != nil {
		panic(err)
	}
	for _, d := range all {
		if len(d.Steps) == 0 || !d.Steps[0].Client {
			continue
		}
		It("are what a server answers over TCP: "+d.Name, func() {
			s := newServer(server.Config{Clock: clock.NewMock(), AllowFlush: true})
			c := dial(listen(s))
			Expect(d.Replay(
				func(b []byte) error { _, err := c.Write(b); return err },
				func(n int) ([]byte, error) { return readN(c, n) },
			)).To(Succeed())
			if !d.Closes {
				Expect(c.CloseWrite()).To(Succeed())
			}
			rest, err := io.ReadAll(c)
			Expect(err).NotTo(HaveOccurred())
			Expect(rest).To(BeEmpty(), "nothing but the answers is sent")
		})
	}

	It("get the same answers at every split", func() {
		for _, d := range all {
			input, ok := d.Said(true)
			want, ok2 := d.Said(false)
			if !ok || !ok2 || len(input) == 0 || len(input) > 1000 {
				continue
			}
			for split := range input {
				store, err := cache.New(clock.NewMock(), cache.WithMaxMemory(16<<20), cache.WithShards(1))
				Expect(err).NotTo(HaveOccurred())
				h := server.NewHandler(store)
				h.AllowFlush = true
				s := session.New(h, session.Limits{})
				got, failed := execute(s, input[:split])
				if failed == nil {
					var more []byte
					more, _ = execute(s, input[split:])
					got = append(got, more...)
				}
				Expect(got).To(Equal(want), "%s, split at %d", d.Name, split)
				s.Close()
				Expect(store.Close()).To(Succeed())
			}
		}
	})
})

var _ = Describe("the description of the protocol", func() {
	It("shows bytes that a server takes and answers", func() {
		text, err := os.ReadFile("../../docs/protocol.md")
		Expect(err).NotTo(HaveOccurred())
		c := dial(listen(newServer(server.Config{})))
		lines := 0
		for line := range strings.Lines(string(text)) {
			side, rest, _ := strings.Cut(line, " ")
			if side != ">" && side != "<" {
				continue
			}
			digits, _, _ := strings.Cut(rest, "  ") // then comes the comment
			want, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
			Expect(err).NotTo(HaveOccurred(), line)
			if side == ">" {
				send(c, want)
			} else {
				Expect(readN(c, len(want))).To(Equal(want), line)
			}
			lines++
		}
		Expect(lines).To(BeNumerically(">", 10))
	})
})

func readN(c net.Conn, n int) ([]byte, error) {
	b := make([]byte, n)
	_, err := io.ReadFull(c, b)
	return b, err
}

// execute feeds input to s and returns its answers.
func execute(s *session.Session, input []byte) ([]byte, error) {
	var answers bytes.Buffer
	for {
		err := s.Execute(1)
		pending := s.Pending()
		if len(pending) == 0 {
			if err != nil || len(input) == 0 {
				return answers.Bytes(), err
			}
			n := copy(s.Buffer(), input)
			s.Received(n)
			input = input[n:]
			continue
		}
		n, _ := pending.WriteTo(&answers)
		s.Sent(int(n))
	}
}
