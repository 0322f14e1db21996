package resp_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem/proxy/resp"
	"github.com/Zezezknight/cryptomem/testdata"
)

// An event is what a parser made of some bytes: a command, or a refused one's
// error.
type event struct {
	command []string
	refused string
}

// parseAll feeds sent to p in pieces, as a connection that never buffers more
// than one unfinished command.
func parseAll(p *resp.Parser, sent []byte, piece int) (events []event, largest int, err error) {
	var buffer []byte
	for len(sent) > 0 {
		n := min(piece, len(sent))
		buffer, sent = append(buffer, sent[:n]...), sent[n:]
		for {
			largest = max(largest, len(buffer))
			args, n, err := p.Next(buffer[:len(buffer):len(buffer)])
			switch {
			case errors.Is(err, resp.ErrTooLarge):
				events = append(events, event{refused: err.Error()})
			case err != nil:
				return events, largest, err
			case args != nil:
				e := event{}
				for _, a := range args {
					e.command = append(e.command, string(a))
				}
				events = append(events, e)
			}
			if n == 0 {
				break
			}
			buffer = buffer[n:]
		}
	}
	return events, largest, nil
}

func commands(words ...string) (b []byte) {
	b = resp.AppendArray(b, len(words))
	for _, w := range words {
		b = resp.AppendBulk(b, w)
	}
	return b
}

var _ = Describe("A parser", func() {
	It("reads the golden commands, however they arrive", func() {
		cases, err := testdata.RESPCommands()
		Expect(err).NotTo(HaveOccurred())
		for _, c := range cases {
			for piece := 1; piece <= len(c.Sent); piece++ {
				events, _, err := parseAll(resp.NewParser(resp.Limits{}), c.Sent, piece)
				var got [][]string
				for _, e := range events {
					got = append(got, e.command)
				}
				Expect(got).To(Equal(c.Commands), c.About)
				if c.Error == "" {
					Expect(err).NotTo(HaveOccurred(), c.About)
					continue
				}
				Expect(err).To(MatchError(c.Error), c.About)
				var protocol resp.ProtocolError
				Expect(errors.As(err, &protocol)).To(BeTrue())
			}
		}
	})

	DescribeTable("refuses a command over a limit and stays in step",
		func(sent []byte, refused string) {
			sent = append(sent, commands("GET", "next")...)
			for piece := 1; piece <= len(sent); piece++ {
				p := resp.NewParser(resp.Limits{MaxArgs: 4, MaxArg: 10, MaxCommand: 24})
				events, _, err := parseAll(p, sent, piece)
				Expect(err).NotTo(HaveOccurred())
				Expect(events).To(Equal([]event{{refused: "too large: " + refused}, {command: []string{"GET", "next"}}}))
			}
		},
		Entry("for its arguments' number", commands("MGET", "a", "b", "c", "d"), "command has 5 arguments, limit 4"),
		Entry("for an argument's length", commands("SET", "a", "12345678901", "b"), "argument is 11 bytes, limit 10"),
		Entry("for its name's length", commands("12345678901", "a"), "argument is 11 bytes, limit 10"),
		Entry("for its length", commands("MSET", "1234567890", "1234567890", "1"), "command is more than 24 bytes"),
	)

	It("tells whose command it refused", func() {
		p := resp.NewParser(resp.Limits{MaxArg: 10, MaxArgs: 3})
		for _, sent := range [][]byte{
			commands("APPEND", "a", strings.Repeat("x", 100)),
			commands("APPEND", "a", "b", "c"),
		} {
			_, _, err := parseAll(p, sent, 7)
			Expect(err).NotTo(HaveOccurred())
			Expect(string(p.Name())).To(HavePrefix("APPEND"[:1]))
		}
		_, _, err := parseAll(p, commands(strings.Repeat("y", 100)), 1<<10)
		Expect(err).NotTo(HaveOccurred())
		Expect(string(p.Name())).To(Equal(strings.Repeat("y", 32)))
	})

	It("keeps nothing of what it skips", func() {
		p := resp.NewParser(resp.Limits{MaxArg: 1 << 10})
		events, largest, err := parseAll(p, commands("SET", "a", strings.Repeat("x", 1<<20)), 4<<10)
		Expect(err).NotTo(HaveOccurred())
		Expect(events).To(HaveLen(1))
		Expect(largest).To(BeNumerically("<=", 8<<10))
	})

	It("says how much room an unfinished command needs", func() {
		sent := commands("SET", "a", strings.Repeat("x", 1<<20))
		p := resp.NewParser(resp.Limits{})
		_, n, err := p.Next(sent[:64])
		Expect(n, err).To(BeZero())
		Expect(p.Need()).To(Equal(len(sent)))
	})

	It("costs a line that is too long no more than its limit", func() {
		p := resp.NewParser(resp.Limits{MaxInline: 100})
		_, _, err := parseAll(p, bytes.Repeat([]byte("x"), 100), 10)
		Expect(err).To(MatchError("Protocol error: too big inline request"))
	})

	It("allocates nothing for ordinary commands", func() {
		p := resp.NewParser(resp.Limits{})
		sent := commands("SET", "key", "value")
		allocations := testingAllocs(func() {
			if args, n, err := p.Next(sent); len(args) != 3 || n != len(sent) || err != nil {
				panic(fmt.Sprint(args, n, err))
			}
		})
		Expect(allocations).To(BeZero())
	})

	It("skips a command that is refused in the middle, wherever that is, and stays in step", func() {
		refusal := errors.New("no room")
		sent := commands("SET", "k", strings.Repeat("v", 40))
		stream := append(append([]byte(nil), sent...), commands("PING")...)
		for cut := 4; cut < len(sent); cut++ {
			p := resp.NewParser(resp.Limits{})
			args, n, err := p.Next(stream[:cut])
			Expect(err).NotTo(HaveOccurred())
			Expect(args).To(BeNil())
			Expect(n).To(BeZero())
			Expect(p.Refuse(stream[:cut], refusal)).To(BeTrue(), "%d", cut)
			_, n, err = p.Next(stream[:cut])
			Expect(err).NotTo(HaveOccurred())
			rest := stream[n:]
			_, n, err = p.Next(rest)
			Expect(err).To(MatchError(refusal), "%d", cut)
			Expect("SET").To(HavePrefix(string(p.Name())), "%d: what had come of it", cut)
			args, _, err = p.Next(rest[n:])
			Expect(err).NotTo(HaveOccurred(), "%d", cut)
			Expect(args).To(Equal([][]byte{[]byte("PING")}), "%d", cut)
		}
	})

	It("refuses no line in the middle, and nothing that has not begun", func() {
		p := resp.NewParser(resp.Limits{})
		Expect(p.Refuse(nil, errors.New("no room"))).To(BeFalse())
		_, _, err := p.Next([]byte("SET k v"))
		Expect(err).NotTo(HaveOccurred())
		Expect(p.Refuse([]byte("SET k v"), errors.New("no room"))).To(BeFalse())
	})
})
