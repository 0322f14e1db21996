package valkeystore_test

import (
	"bytes"
	"io"
	"net"
	"strconv"
	"sync/atomic"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// muteEvents returns an address behind which addr answers, but tells of no event
// by itself: its messages to subscribers are dropped.
func muteEvents(addr string) string {
	return betweenEach(addr, func() (toServer, toClient func([]byte) []byte) {
		var rest []byte
		return same, func(b []byte) (kept []byte) {
			rest = append(rest, b...)
			for {
				n := messageSize(rest)
				if n == 0 {
					return kept
				}
				if !bytes.HasPrefix(rest, []byte(">3\r\n$7\r\nmessage\r\n")) {
					kept = append(kept, rest[:n]...)
				}
				rest = rest[n:]
			}
		}
	})
}

// messageSize is the size of the message that b begins with, 0 if it is not whole.
func messageSize(b []byte) int {
	line, _, whole := bytes.Cut(b, []byte("\r\n"))
	if !whole {
		return 0
	}
	size := len(line) + 2
	n, _ := strconv.Atoi(string(line[1:])) // 0 where that is no number
	switch line[0] {
	case '$', '=', '!':
		if n >= 0 {
			size += n + 2
		}
	case '%':
		n *= 2
		fallthrough
	case '*', '~', '>':
		for range n {
			one := messageSize(b[size:])
			if one == 0 {
				return 0
			}
			size += one
		}
	}
	if size > len(b) {
		return 0
	}
	return size
}

// agedServer returns an address behind which addr answers like a server before 7.0,
// for which the first line of a script is no Lua.
func agedServer(addr string) string {
	return between(addr, func(b []byte) []byte {
		return bytes.ReplaceAll(b, []byte("#!lua"), []byte("#?lua"))
	}, same)
}

func same(b []byte) []byte { return b }

// A splitter passes answers on. Told to, it holds the rest of the next ones back until
// more arrive.
type splitter struct {
	at   atomic.Int32 // how many bytes go first; 0: all
	rest []byte
	held chan struct{}
}

func newSplitter() *splitter { return &splitter{held: make(chan struct{}, 1)} }

func (s *splitter) pass(b []byte) []byte {
	if at := int(s.at.Swap(0)); at > 0 && at < len(b) {
		s.rest = append([]byte(nil), b[at:]...)
		s.held <- struct{}{}
		return b[:at]
	}
	b, s.rest = append(s.rest, b...), nil
	return b
}

// between returns an address behind which addr answers; what is sent in either
// direction goes through a function.
func between(addr string, toServer, toClient func([]byte) []byte) string {
	GinkgoHelper()
	return betweenEach(addr, func() (_, _ func([]byte) []byte) { return toServer, toClient })
}

// betweenEach is between with two functions for each connection.
func betweenEach(addr string, functions func() (toServer, toClient func([]byte) []byte)) string {
	GinkgoHelper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(l.Close)
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", addr)
			if err != nil {
				_ = client.Close()
				continue
			}
			toServer, toClient := functions()
			go pass(server, client, toServer)
			go pass(client, server, toClient)
		}
	}()
	return l.Addr().String()
}

// pass sends on what it reads, changed by a function, until either side ends.
func pass(to, from net.Conn, change func([]byte) []byte) {
	defer func() { _ = to.Close() }()
	for b := make([]byte, 64<<10); ; {
		n, err := from.Read(b)
		if err != nil {
			return
		}
		if _, err := io.Copy(to, bytes.NewReader(change(b[:n]))); err != nil {
			return
		}
	}
}
