package serve_test

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/transport/serve"
	"github.com/Zezezknight/cryptomem/transport/session"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// splitting is a socket below TLS that can keep what is written for later.
type splitting struct {
	net.Conn
	mu   sync.Mutex
	keep bool
	kept []byte
}

func (s *splitting) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keep {
		s.kept = append(s.kept, b...)
		return len(b), nil
	}
	return s.Conn.Write(b)
}

// record returns the record that TLS makes of b.
func (s *splitting) record(c *tls.Conn, b []byte) []byte {
	GinkgoHelper()
	s.keep = true
	_, err := c.Write(b)
	Expect(err).NotTo(HaveOccurred())
	s.keep = false
	record := s.kept
	s.kept = nil
	return record
}

// keyUpdates returns records of a client over TLS 1.3 that change its key and ask the
// server to do the same (RFC 8446, section 4.6.3). The log is the client's
// KeyLogWriter; it must not have sent anything else.
func keyUpdates(c *tls.Conn, log string, n int) (records []byte) {
	GinkgoHelper()
	Expect(c.ConnectionState().CipherSuite).To(Equal(tls.TLS_AES_128_GCM_SHA256))
	_, line, _ := strings.Cut(log, "CLIENT_TRAFFIC_SECRET_0 ")
	line, _, _ = strings.Cut(line, "\n")
	_, text, _ := strings.Cut(line, " ")
	secret, err := hex.DecodeString(text)
	Expect(err).NotTo(HaveOccurred())
	expand := func(label string, length int) []byte {
		label = "tls13 " + label
		out, err := hkdf.Expand(sha256.New, secret, string([]byte{0, byte(length), byte(len(label))})+label+"\x00", length)
		Expect(err).NotTo(HaveOccurred())
		return out
	}
	for range n {
		block, err := aes.NewCipher(expand("key", 16))
		Expect(err).NotTo(HaveOccurred())
		aead, err := cipher.NewGCM(block)
		Expect(err).NotTo(HaveOccurred())
		// a KeyUpdate of one byte, update_requested, and the type of the record
		inner := []byte{24, 0, 0, 1, 1, 22}
		header := []byte{23, 3, 3, 0, byte(len(inner) + aead.Overhead())}
		// the first record under a key has number 0, which leaves the nonce as it is
		records = append(records, aead.Seal(header, expand("iv", aead.NonceSize()), inner, header[:5:5])...)
		secret = expand("traffic upd", sha256.Size)
	}
	return records
}

var _ = Describe("polling connections over TLS", func() {
	var (
		clk    *clock.Mock
		s      *serve.Server
		addr   string
		served chan error
	)
	start := func(h session.Handler) {
		GinkgoHelper()
		clk = clock.NewMock()
		s = serve.NewServer(serve.ServerConfig{NewHandler: func(net.Conn) session.Handler { return h }, Clock: clk})
		l, err := net.Listen("tcp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		addr = l.Addr().String()
		served = make(chan error, 1)
		go func() { served <- s.Serve(serve.NewTLSListener(l, selfSigned())) }()
		DeferCleanup(func() {
			Expect(s.Close()).To(Succeed())
			Expect(<-served).To(MatchError(serve.ErrServerClosed))
		})
	}
	connect := func() (*tls.Conn, *splitting) {
		GinkgoHelper()
		below := &splitting{Conn: dial(addr)}
		c := tls.Client(below, &tls.Config{InsecureSkipVerify: true})
		Expect(c.Handshake()).To(Succeed())
		return c, below
	}
	asks := func(c net.Conn, value string) {
		GinkgoHelper()
		converse(c, frame(wire.Ping, 0, "", value), wire.AppendResponse(nil, wire.OK, []byte(value)))
	}
	// seen waits until the poller has served what came before, and set its deadline: it
	// does so in turn, and has done with the first answer when it gives the second.
	seen := func(other net.Conn) {
		GinkgoHelper()
		asks(other, "once")
		asks(other, "twice")
	}
	attended := func() int { return serve.Attended(s) }

	It("has no goroutine for one that waits for a request, time and again", func() {
		start(echo{})
		var all []*tls.Conn
		for range 5 {
			c, _ := connect()
			all = append(all, c)
		}
		for _, value := range []string{"once", "again", strings.Repeat("and longer than a record is ", 1000)} {
			for _, c := range all {
				asks(c, value)
			}
			Eventually(attended).Should(BeZero())
		}
		for _, c := range all {
			Expect(c.Close()).To(Succeed())
		}
		Eventually(func() int { return s.Stats().Connections }).Should(BeZero())
		Expect(attended()).To(BeZero())
	})

	It("goes on with a part of a record that came while it waited", func() {
		start(echo{})
		c, below := connect()
		other, _ := connect()
		asks(c, "hello")
		Eventually(attended).Should(BeZero())
		record := below.record(c, frame(wire.Ping, 0, "", "in two parts"))
		for _, part := range [][]byte{record[:3], record[3:20], record[20 : len(record)-1]} {
			_, err := below.Conn.Write(part)
			Expect(err).NotTo(HaveOccurred())
			asks(other, "is served meanwhile")
			Expect(attended()).To(BeZero())
		}
		converse(below.Conn, record[len(record)-1:], nil)
		converse(c, nil, wire.AppendResponse(nil, wire.OK, []byte("in two parts")))
	})

	It("answers the records that TLS had read before it was polled, and keeps a part of one", func() {
		h := slowStats{begun: make(chan struct{}), answer: make(chan struct{})}
		start(h)
		c, below := connect()
		records := below.record(c, frame(wire.Stats, 0, "", ""))
		records = append(records, below.record(c, frame(wire.Ping, 0, "", "whole"))...)
		last := below.record(c, frame(wire.Ping, 0, "", "a part"))
		_, err := below.Conn.Write(append(records, last[:30]...))
		Expect(err).NotTo(HaveOccurred())
		<-h.begun
		Expect(attended()).To(Equal(1))
		close(h.answer)
		converse(c, nil, wire.AppendResponse(wire.AppendResponse(nil, wire.OK, nil), wire.OK, []byte("whole")))
		Eventually(attended).Should(BeZero())
		converse(below.Conn, last[30:], nil)
		converse(c, nil, wire.AppendResponse(nil, wire.OK, []byte("a part")))
	})

	It("leaves one whose client does not read to a goroutine, and loses nothing", func() {
		start(echo{})
		c, _ := connect()
		asks(c, "hello")
		Eventually(attended).Should(BeZero())
		value := strings.Repeat("0123456789abcdef", 1<<10)
		ping, pong := frame(wire.Ping, 0, "", value), wire.AppendResponse(nil, wire.OK, []byte(value))
		const count = 1000
		written := make(chan error, 1)
		go func() {
			_, err := c.Write(bytes.Repeat(ping, count))
			written <- err
		}()
		Eventually(attended).Should(Equal(1))
		Eventually(func() int64 { return s.Stats().InFlight }).Should(BeNumerically(">=", len(pong)), "what waits is charged")
		answers := make([]byte, count*len(pong))
		Expect(io.ReadFull(c, answers)).To(Equal(len(answers)))
		Expect(bytes.Equal(answers, bytes.Repeat(pong, count))).To(BeTrue())
		Expect(<-written).NotTo(HaveOccurred())
		Eventually(attended).Should(BeZero())
		asks(c, "still there")
	})

	It("ends one that has been silent for too long, however many bytes of a record trickled in", func() {
		start(echo{})
		c, below := connect()
		other, _ := connect()
		asks(c, "hello")
		Eventually(attended).Should(BeZero())
		record := below.record(c, frame(wire.Ping, 0, "", "never whole"))
		clk.Add(serve.DefaultIdleTimeout - time.Second)
		_, err := below.Conn.Write(record[:10])
		Expect(err).NotTo(HaveOccurred())
		seen(other)
		Expect(s.Stats().IdleTimeouts).To(BeZero())
		clk.Add(time.Second)
		_, err = io.ReadAll(c)
		Expect(err).NotTo(HaveOccurred())
		Expect(s.Stats().IdleTimeouts).To(BeEquivalentTo(1))
	})

	It("tells one whose request does not arrive whole that it was too slow", func() {
		start(echo{})
		c, _ := connect()
		other, _ := connect()
		asks(c, "hello")
		Eventually(attended).Should(BeZero())
		ping := frame(wire.Ping, 0, "", "hello")
		_, err := c.Write(ping[:len(ping)-1])
		Expect(err).NotTo(HaveOccurred())
		seen(other)
		clk.Add(serve.DefaultFrameTimeout)
		Expect(io.ReadAll(c)).To(ContainSubstring("did not arrive whole within 30s"))
	})

	It("ends one whose client ends its side, though the last request is a part only", func() {
		start(echo{})
		c, below := connect()
		asks(c, "hello")
		Eventually(attended).Should(BeZero())
		ping := frame(wire.Ping, 0, "", "hello")
		end := below.record(c, append(ping, ping[:len(ping)-1]...))
		below.keep = true
		Expect(c.CloseWrite()).To(Succeed())
		// CloseWrite has left one that is over
		Expect(below.SetWriteDeadline(time.Time{})).To(Succeed())
		_, err := below.Conn.Write(append(end, below.kept...))
		Expect(err).NotTo(HaveOccurred())
		Expect(io.ReadAll(c)).To(Equal(wire.AppendResponse(nil, wire.OK, []byte("hello"))))
	})

	It("ends each behind its last answer when the server shuts down", func(ctx context.Context) {
		start(echo{})
		idle, _ := connect()
		busy, below := connect()
		asks(idle, "hello")
		asks(busy, "hello")
		Eventually(attended).Should(BeZero())
		clk.Add(time.Minute) // Shutdown does not wait for clients silent for so long
		record := below.record(busy, frame(wire.Ping, 0, "", "the last"))
		_, err := below.Conn.Write(record)
		Expect(err).NotTo(HaveOccurred())
		done := make(chan error, 1)
		go func() { done <- s.Shutdown(ctx) }()
		Expect(io.ReadAll(busy)).To(HaveSuffix("the last"))
		Expect(busy.Close()).To(Succeed())
		Expect(io.ReadAll(idle)).To(BeEmpty())
		Expect(idle.Close()).To(Succeed())
		Expect(<-done).To(Succeed())
	})
})

var _ = Describe("the socket below TLS, while it must not wait", func() {
	pair := func() (near net.Conn, far *net.TCPConn) {
		GinkgoHelper()
		l, err := net.Listen("tcp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		defer l.Close() //nolint:errcheck // its one connection is there
		far = dial(l.Addr().String())
		accepted, err := l.Accept()
		Expect(err).NotTo(HaveOccurred())
		near = serve.BelowTLS(accepted)
		DeferCleanup(func() { _ = near.Close() })
		serve.SetPrompt(near, true)
		return near, far
	}
	record := bytes.Repeat([]byte("0123456789abcdef"), 1<<10)

	// shaken returns a server's connection after the handshake, and its client's.
	shaken := func() (server, client *tls.Conn, below *splitting) {
		GinkgoHelper()
		near, far := pair()
		serve.SetPrompt(near, false)
		server = tls.Server(near, selfSigned())
		done := make(chan error, 1)
		go func() { done <- server.Handshake() }()
		below = &splitting{Conn: far}
		client = tls.Client(below, &tls.Config{InsecureSkipVerify: true})
		Expect(client.Handshake()).To(Succeed())
		Expect(<-done).To(Succeed())
		return server, client, below
	}

	It("needs no goroutine to write an answer that the socket takes, even of more than one record", func() {
		server, client, below := shaken()
		request := below.record(client, frame(wire.Ping, 0, "", strings.Repeat("a", 20<<10)))
		Expect(below.Write(request)).To(Equal(len(request)))
		_, kept, err := serve.Turn(server, session.New(echo{}, session.Limits{}), len(request))
		Expect(err).NotTo(HaveOccurred())
		Expect(kept).To(BeTrue())
		answer := make([]byte, 21<<10)
		n, err := io.ReadAtLeast(client, answer, 20<<10)
		Expect(err).NotTo(HaveOccurred())
		Expect(answer[:n]).To(Equal(wire.AppendResponse(nil, wire.OK, bytes.Repeat([]byte("a"), 20<<10))))
	})

	DescribeTable("takes a turn of so many records, however small they are", func(records int, stays bool) {
		server, client, below := shaken()
		var all []byte
		for range records {
			all = append(all, below.record(client, []byte("a"))...)
		}
		Expect(below.Write(all)).To(Equal(len(all)))
		part := &unfinished{room: make([]byte, 1<<10)}
		_, kept, err := serve.Turn(server, part, len(all))
		Expect(err).NotTo(HaveOccurred())
		Expect(kept).To(Equal(stays))
		Expect(part.received).To(BeNumerically("<=", 128))
	},
		Entry("few, after which the poller waits for more", 100, true),
		Entry("many, of which a goroutine reads the rest", 300, false),
	)

	It("holds little for a client that changes keys time and again and does not read", func() {
		near, far := pair()
		serve.SetPrompt(near, false)
		server := tls.Server(near, selfSigned())
		shaken := make(chan error, 1)
		go func() { shaken <- server.Handshake() }()
		var log bytes.Buffer
		client := tls.Client(far, &tls.Config{InsecureSkipVerify: true, KeyLogWriter: &log})
		Expect(client.Handshake()).To(Succeed())
		Expect(<-shaken).To(Succeed())
		serve.SetPrompt(near, true)
		for serve.Held(near) == 0 {
			Expect(server.Write(record)).To(Equal(len(record)))
		}
		before := serve.Held(near)
		updates := keyUpdates(client, log.String(), 100)
		Expect(far.Write(updates)).To(Equal(len(updates)))
		_, err := server.Read(make([]byte, 1))
		// crypto/tls gives up after 16 of them, with Go 1.25 it answers all.
		Expect(err).To(Or(MatchError(ContainSubstring("too many")), MatchError(syscall.EAGAIN)))
		Expect(serve.Held(near) - before).To(And(BeNumerically(">", 0), BeNumerically("<", 4<<10)))
	})

	It("refuses a write during a Flush, so that Close does not wait", func() {
		near, _ := pair()
		for serve.Held(near) < 8<<20 { // more than the sockets may still come to take
			Expect(near.Write(record)).To(Equal(len(record)))
		}
		serve.SetPrompt(near, false)
		flushed := make(chan error, 1)
		go func() { flushed <- serve.Flush(near) }()
		Eventually(func() error {
			if !serve.Flushing(near) {
				return nil
			}
			n, err := near.Write([]byte("close notify"))
			Expect(n).To(BeZero())
			return err
		}).Should(MatchError("earlier bytes are being sent"))
		Expect(near.Close()).To(Succeed())
		Eventually(flushed).Should(Receive(MatchError(net.ErrClosed)))
	})

	It("holds what it did not take of one record, and sends that before all else", func() {
		near, far := pair()
		_, err := near.Read(make([]byte, 1))
		var failure net.Error
		Expect(errors.As(err, &failure)).To(BeTrue())
		Expect(failure.Timeout()).To(BeTrue())
		Expect(failure.(interface{ Temporary() bool }).Temporary()).To(BeTrue(), "or crypto/tls keeps no part of a record")

		var sent []byte
		for serve.Held(near) == 0 {
			Expect(near.Write(record)).To(Equal(len(record)))
			sent = append(sent, record...)
		}
		Expect(serve.Held(near)).To(BeNumerically("<=", len(record)))
		Expect(near.Write([]byte("an alert"))).To(Equal(8))
		Expect(serve.Held(near)).To(BeNumerically("<=", len(record)+8))
		sent = append(sent, "an alert"...)

		serve.SetPrompt(near, false)
		received := make(chan []byte, 1)
		go func() {
			b := make([]byte, len(sent)+3)
			_, _ = io.ReadFull(far, b)
			received <- b
		}()
		Expect(near.Write([]byte("end"))).To(Equal(3))
		Expect(bytes.Equal(<-received, append(sent, "end"...))).To(BeTrue())
		Expect(serve.Held(near)).To(BeZero())
	})
})
