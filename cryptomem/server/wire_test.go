package server_test

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem/server"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// answer appends the frame of an answer.
func answer(dst []byte, s wire.Status, value string) []byte {
	return wire.AppendResponse(dst, s, []byte(value))
}

func requestTTL(c wire.Command, key, value string, ttl time.Duration) []byte {
	GinkgoHelper()
	b, err := wire.AppendRequest(nil, &wire.Request{Command: c, Key: []byte(key), Value: []byte(value), TTL: ttl})
	Expect(err).NotTo(HaveOccurred())
	return b
}

// ask sends one request and returns its answer.
func ask(c net.Conn, request []byte) (wire.Status, string) {
	GinkgoHelper()
	_, err := c.Write(request)
	Expect(err).NotTo(HaveOccurred())
	return readAnswer(c)
}

func readAnswer(c net.Conn) (wire.Status, string) {
	GinkgoHelper()
	header, err := readN(c, wire.ResponseHeaderSize)
	Expect(err).NotTo(HaveOccurred())
	frame := append(header, make([]byte, uint32(header[3])<<24|uint32(header[4])<<16|uint32(header[5])<<8|uint32(header[6]))...)
	_, err = io.ReadFull(c, frame[len(header):])
	Expect(err).NotTo(HaveOccurred())
	r, _, err := wire.ParseResponse(frame)
	Expect(err).NotTo(HaveOccurred())
	return r.Status, string(r.Value)
}

var _ = Describe("a server on a raw socket", func() {
	It("understands requests cut anywhere", func() {
		c := dial(listen(newServer(server.Config{})))
		input := append(request(wire.Set, "k", "value"), request(wire.Get, "k", "")...)
		want := answer(answer(nil, wire.OK, ""), wire.OK, "value")
		for cut := 1; cut < len(input); cut++ {
			for _, piece := range [][]byte{input[:cut], input[cut:]} {
				_, err := c.Write(piece)
				Expect(err).NotTo(HaveOccurred())
			}
			Expect(readN(c, len(want))).To(Equal(want), "cut at %d", cut)
		}
	})

	It("answers 10,000 pipelined requests in order, errors among them", func() {
		var input, want []byte
		for i := range 10_000 {
			key := fmt.Sprintf("key-%d", i/3)
			switch {
			case i%101 == 0:
				input, want = append(input, request(99, key, "junk")...), answer(want, wire.Error, "command 99 is unknown")
			case i%3 == 0:
				input, want = append(input, request(wire.Set, key, key)...), answer(want, wire.OK, "")
			case i/3*3%101 == 0: // its SET was the unknown command
				input, want = append(input, request(wire.Get, key, "")...), answer(want, wire.NotFound, "")
			default:
				input, want = append(input, request(wire.Get, key, "")...), answer(want, wire.OK, key)
			}
		}
		got := exchange(dial(listen(newServer(server.Config{}))), input)
		Expect(bytes.Equal(got, want)).To(BeTrue())
	})

	It("answers whole requests and drops the unfinished one when a client ends its side", func() {
		addr := listen(newServer(server.Config{}))
		set := request(wire.Set, "k", "old")
		unfinished := request(wire.Set, "k", "new")
		got := exchange(dial(addr), append(set, unfinished[:len(unfinished)-1]...))
		Expect(got).To(Equal(answer(nil, wire.OK, "")))
		_, value := ask(dial(addr), request(wire.Get, "k", ""))
		Expect(value).To(Equal("old"))
	})

	It("serves 400 connections at once", func() {
		addr := listen(newServer(server.Config{}))
		var all sync.WaitGroup
		for i := range 400 {
			c := dial(addr)
			all.Go(func() {
				defer GinkgoRecover()
				for round := range 10 {
					key := fmt.Sprintf("%d/%d", i, round)
					status, _ := ask(c, request(wire.Set, key, key))
					Expect(status).To(Equal(wire.OK))
					_, value := ask(c, request(wire.Get, key, ""))
					Expect(value).To(Equal(key))
				}
			})
		}
		all.Wait()
	})

	It("keeps a TTL of one nanosecond and one of 292 years", func() {
		clk := clock.NewMock()
		c := dial(listen(newServer(server.Config{Clock: clk})))
		for _, ttl := range []time.Duration{1, math.MaxInt64} {
			status, _ := ask(c, requestTTL(wire.Set, ttl.String(), "v", ttl))
			Expect(status).To(Equal(wire.OK))
			status, _ = ask(c, request(wire.Get, ttl.String(), ""))
			Expect(status).To(Equal(wire.OK), "while time stands still")
		}
		clk.Add(1)
		status, _ := ask(c, request(wire.Get, time.Duration(1).String(), ""))
		Expect(status).To(Equal(wire.NotFound))
		status, _ = ask(c, request(wire.Get, time.Duration(math.MaxInt64).String(), ""))
		Expect(status).To(Equal(wire.OK))
	})

	It("gives items without a TTL the configured one", func() {
		clk := clock.NewMock()
		c := dial(listen(newServer(server.Config{Clock: clk, DefaultTTL: time.Minute})))
		ask(c, request(wire.Set, "k", "v"))
		clk.Add(time.Minute - 1)
		status, _ := ask(c, request(wire.Get, "k", ""))
		Expect(status).To(Equal(wire.OK))
		clk.Add(1)
		status, _ = ask(c, request(wire.Get, "k", ""))
		Expect(status).To(Equal(wire.NotFound))
	})

	It("does not flush unless that is enabled", func() {
		c := dial(listen(newServer(server.Config{})))
		status, message := ask(c, request(wire.Flush, "", ""))
		Expect(status).To(Equal(wire.Error))
		Expect(message).To(Equal("FLUSH is not enabled on this server"))
	})

	It("takes values of every size up to the limit, and large ones among small ones", func() {
		c := dial(listen(newServer(server.Config{MaxValueSize: 3 << 20})))
		for _, size := range []int{1, 4095, 16 << 10, 16<<10 + 1, 64 << 10, 65<<10 + 7, 1 << 20, 3 << 20} {
			value := string(bytes.Repeat([]byte{byte(size), 'x', byte(size >> 8)}, size/3+1)[:size])
			for range 2 {
				status, message := ask(c, request(wire.Set, "k", value))
				Expect(status).To(Equal(wire.OK), message)
				_, got := ask(c, request(wire.Get, "k", ""))
				Expect(strings.Compare(got, value)).To(BeZero(), "%d bytes", size)
				_, got = ask(c, request(wire.Ping, "", "small"))
				Expect(got).To(Equal("small"))
			}
		}
	})

	It("reports what it does", func() {
		c := dial(listen(newServer(server.Config{})))
		ask(c, request(wire.Get, "nothing", ""))
		_, all := ask(c, request(wire.Stats, "", ""))
		Expect(all).To(And(ContainSubstring(`"misses":1`), ContainSubstring(`"connections":1`)))
		_, one := ask(c, request(wire.Stats, "server", ""))
		Expect(one).To(ContainSubstring(`"accepted":1`))
	})

	It("serves Unix sockets and pipes as well", func() {
		s := newServer(server.Config{})
		path := filepath.Join(GinkgoT().TempDir(), "socket")
		l, err := net.Listen("unix", path)
		Expect(err).NotTo(HaveOccurred())
		served := make(chan error, 2)
		go func() { served <- s.Serve(l) }()
		unix, err := net.Dial("unix", path)
		Expect(err).NotTo(HaveOccurred())
		status, _ := ask(unix, request(wire.Set, "k", "v"))
		Expect(status).To(Equal(wire.OK))
		pipe, end := net.Pipe()
		go func() { s.ServeConn(end); served <- nil }()
		_, value := ask(pipe, request(wire.Get, "k", ""))
		Expect(value).To(Equal("v"))
		Expect(unix.Close()).To(Succeed())
		Expect(pipe.Close()).To(Succeed())
		Expect(<-served).To(Succeed())
		Expect(s.Close()).To(Succeed())
		Expect(<-served).To(MatchError(server.ErrServerClosed))
	})
})
