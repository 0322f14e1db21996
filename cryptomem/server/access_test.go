package server_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem/server"
	"github.com/Zezezknight/cryptomem/transport/serve"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// doorman knows one identity, who may use the keys that begin with its name.
type doorman struct {
	inside          atomic.Int32
	allowed, denied atomic.Int32
	closed          atomic.Bool // to everyone, from the next request on
	revoked         atomic.Bool // and for good
	full            atomic.Bool // to those who come now
	maxValueSize    atomic.Int64
}

var full = wire.Refusal{Status: wire.Busy, Message: "busy: alice is everywhere"}

func (d *doorman) Greet(net.Conn) (server.Permission, error) {
	if d.full.Load() {
		return nil, full
	}
	return nil, nil
}

func (d *doorman) Authenticate(_ net.Conn, _ server.Permission, identity, token []byte) (server.Permission, error) {
	if string(identity) != "alice" || string(token) != "secret" {
		return nil, errors.New("who is that?")
	}
	if d.full.Load() {
		return nil, fmt.Errorf("no more of her: %w", full)
	}
	d.inside.Add(1)
	return ownKeys{d}, nil
}

type ownKeys struct{ d *doorman }

func (o ownKeys) Allows(c wire.Command, key []byte) bool {
	return !o.d.closed.Load() && (c == wire.Ping || bytes.HasPrefix(key, []byte("alice/")))
}

func (o ownKeys) Count(allowed bool) {
	if allowed {
		o.d.allowed.Add(1)
	} else {
		o.d.denied.Add(1)
	}
}

func (o ownKeys) Revoked() bool { return o.d.revoked.Load() }

func (o ownKeys) MaxValueSize() int { return int(o.d.maxValueSize.Load()) }

func (o ownKeys) Close() error {
	o.d.inside.Add(-1)
	return nil
}

// versionSize is how many bytes come before the value that a command stores.
func versionSize(c wire.Command) int {
	if c == wire.CAS {
		return 8
	}
	return 0
}

var _ = Describe("a server that requires authentication", func() {
	var door *doorman
	var clk *clock.Mock
	var s *server.Server
	var c *net.TCPConn
	login := request(wire.Auth, "alice", "secret")
	BeforeEach(func() {
		door, clk = &doorman{}, clock.NewMock()
		s = newServer(server.Config{Authenticator: door, Clock: clk, AllowFlush: true})
		c = dial(listen(s))
	})

	It("executes nothing before that, and answers with a status that every client knows", func() {
		for command := wire.Set; command < wire.Auth; command++ {
			value := ""
			switch command {
			case wire.Set, wire.Add, wire.Replace, wire.CAS:
				value = strings.Repeat("v", 100_000)
			}
			status, message := ask(c, request(command, "alice/k", value))
			if command <= wire.Delete {
				Expect(status).To(Equal(wire.Error), "%v", command)
			} else {
				Expect(status).To(Equal(wire.Denied), "%v", command)
			}
			Expect(message).To(Equal("authentication required"))
		}
		Expect(s.Cache().Stats().Items).To(BeZero())
	})

	It("executes nothing before that, even a request that skipped admission", func() {
		near, far := net.Pipe()
		DeferCleanup(near.Close)
		g := server.NewGuard(&server.Handler{Cache: s.Cache()}, door, far)
		DeferCleanup(g.Close)
		set := &wire.Request{Command: wire.Set, Key: []byte("alice/k"), Value: []byte("v")}
		refused := wire.AuthenticationRequired.Append(nil, wire.Set)
		Expect(g.Handle(1, nil, set)).To(Equal(refused))
		answer, ref := g.HandleLarge(1, nil, set, func(int) bool { return true })
		Expect(answer).To(Equal(refused))
		Expect(ref).To(BeNil())
		Expect(s.Cache().Stats().Items).To(BeZero())
	})

	It("does not say whether the identity or the token is wrong", func() {
		for _, wrong := range [][]byte{request(wire.Auth, "alice", "guess"), request(wire.Auth, "bob", "secret"), request(wire.Auth, "alice", "")} {
			status, message := ask(c, wrong)
			Expect(status).To(Equal(wire.Denied))
			Expect(message).To(Equal("denied: unknown identity or wrong token"))
		}
	})

	It("closes a connection after three failed AUTHs, and nothing behind them is executed", func() {
		guess := request(wire.Auth, "alice", "guess")
		ask(c, guess)
		ask(c, login)
		ask(c, guess)
		status, _ := ask(c, request(wire.Ping, "", ""))
		Expect(status).To(Equal(wire.OK), "what was allowed stays so")
		send(c, bytes.Join([][]byte{guess, request(wire.Set, "alice/k", "v"), login}, nil))
		status, _ = readAnswer(c)
		Expect(status).To(Equal(wire.Denied))
		Expect(io.ReadAll(c)).To(BeEmpty(), "the end, and no reset")
		Expect(c.Close()).To(Succeed())
		Eventually(func() int { return s.Stats().Connections }).Should(BeZero())
		Expect(s.Stats().Ended).To(BeEquivalentTo(1))
		Expect(s.Cache().Stats().Items).To(BeZero())
	})

	It("executes what was sent right behind a good AUTH", func() {
		send(c, append(login, request(wire.Set, "alice/k", "v")...))
		for range 2 {
			status, _ := readAnswer(c)
			Expect(status).To(Equal(wire.OK))
		}
	})

	It("takes no more of an AUTH than an identity and a token need", func() {
		status, message := ask(c, request(wire.Auth, "alice", strings.Repeat("x", server.MaxTokenSize+1)))
		Expect(status).To(Equal(wire.Error))
		Expect(message).To(ContainSubstring("limit 4096"))
	})

	DescribeTable("keeps a client to what it may do, for small and large values alike",
		func(command wire.Command, size int, want wire.Status) {
			ask(c, login)
			status, message := ask(c, request(command, "bob/k", strings.Repeat("v", size)))
			Expect(status).To(Equal(want))
			if command == wire.Stats { // which has no key
				Expect(message).To(Equal("denied: STATS is not allowed"))
			} else {
				Expect(message).To(Equal("denied: " + command.String() + " is not allowed on this key"))
			}
			Expect(s.Cache().Stats().Items).To(BeZero())
		},
		Entry(nil, wire.Set, 10, wire.Error),
		Entry(nil, wire.Set, 100_000, wire.Error),
		Entry(nil, wire.Get, 0, wire.Error),
		Entry(nil, wire.Delete, 0, wire.Error),
		Entry(nil, wire.Add, 10, wire.Denied),
		Entry(nil, wire.Add, 100_000, wire.Denied),
		Entry(nil, wire.Replace, 100_000, wire.Denied),
		Entry(nil, wire.Touch, 0, wire.Denied),
		Entry(nil, wire.GetV, 0, wire.Denied),
		Entry(nil, wire.CAS, 100_000, wire.Denied),
		Entry(nil, wire.GetDel, 0, wire.Denied),
		Entry(nil, wire.Stats, 0, wire.Denied),
		Entry(nil, wire.Flush, 0, wire.Denied),
	)

	It("says so when an identity has too many connections", func() {
		door.full.Store(true)
		late := dial(c.RemoteAddr().String())
		status, message := ask(late, request(wire.Ping, "", ""))
		Expect(status).To(Equal(wire.Busy))
		Expect(message).To(Equal("busy: alice is everywhere"))
		status, _ = ask(late, request(wire.Get, "alice/k", ""))
		Expect(status).To(Equal(wire.Error), "which is older than the other statuses")
		status, message = ask(late, login)
		Expect(status).To(Equal(wire.Busy))
		Expect(message).To(Equal("busy: alice is everywhere"))
	})

	It("stores no value for a client that was shut out while it was on its way", func() {
		ask(c, login)
		set := request(wire.Add, "alice/k", strings.Repeat("v", 100_000))
		send(c, set[:50_000])
		Eventually(func() int64 { return s.Stats().BytesReceived }).Should(BeEquivalentTo(len(login) + 50_000))
		door.closed.Store(true)
		status, message := ask(c, set[50_000:])
		Expect(status).To(Equal(wire.Denied))
		Expect(message).To(Equal("denied: ADD is not allowed on this key"))
		Expect(s.Cache().Stats().Items).To(BeZero())
		Expect(door.denied.Load()).To(BeEquivalentTo(1))
	})

	It("ends the connection of a client whose permission was revoked, with the answer that says so", func() {
		ask(c, login)
		door.closed.Store(true)
		status, _ := ask(c, request(wire.Ping, "", ""))
		Expect(status).To(Equal(wire.Denied), "denied, and no more than that")
		door.revoked.Store(true)
		send(c, bytes.Join([][]byte{request(wire.Ping, "", ""), request(wire.Ping, "", "")}, nil))
		status, _ = readAnswer(c)
		Expect(status).To(Equal(wire.Denied))
		Expect(io.ReadAll(c)).To(BeEmpty(), "the end, and no reset")
		Expect(c.Close()).To(Succeed())
		Eventually(door.inside.Load).Should(BeZero())
		Expect(s.Stats().Ended).To(BeEquivalentTo(1))
	})

	It("ends it behind a large value, too, whether that had begun to arrive or not", func() {
		large := request(wire.Add, "alice/k", strings.Repeat("v", 100_000))
		for _, arrived := range []int{0, 50_000} {
			door.closed.Store(false)
			door.revoked.Store(false)
			c := dial(c.RemoteAddr().String())
			ask(c, login)
			before := s.Stats().BytesReceived
			send(c, large[:arrived])
			Eventually(func() int64 { return s.Stats().BytesReceived - before }).Should(BeEquivalentTo(arrived))
			door.closed.Store(true)
			door.revoked.Store(true)
			send(c, large[arrived:])
			status, _ := readAnswer(c)
			Expect(status).To(Equal(wire.Denied))
			Expect(io.ReadAll(c)).To(BeEmpty())
		}
	})

	It("lets a client whose permission was revoked authenticate anew where it is", func() {
		ask(c, login)
		door.revoked.Store(true)
		status, _ := ask(c, login)
		Expect(status).To(Equal(wire.OK))
		status, _ = ask(c, request(wire.Ping, "", ""))
		Expect(status).To(Equal(wire.OK))
	})

	It("may hold a client to shorter values than others, not counting the version that CAS expects", func() {
		ask(c, login)
		door.maxValueSize.Store(100)
		for _, command := range []wire.Command{wire.Set, wire.CAS} {
			prefix := strings.Repeat("0", versionSize(command))
			_, message := ask(c, request(command, "alice/k", prefix+strings.Repeat("v", 101)))
			Expect(message).To(Equal("value is 101 bytes, limit 100 for this identity"))
			_, message = ask(c, request(command, "alice/k", prefix+strings.Repeat("v", 100)))
			Expect(message).NotTo(ContainSubstring("limit"))
		}
	})

	It("counts every request once", func() {
		ask(c, login)
		for _, size := range []int{1, 20_000, 100_000} {
			ask(c, request(wire.Set, "alice/k", strings.Repeat("v", size)))
			ask(c, request(wire.Get, "alice/k", ""))
			ask(c, request(wire.Set, "bob/k", strings.Repeat("v", size)))
		}
		Expect(door.allowed.Load()).To(BeEquivalentTo(6))
		Expect(door.denied.Load()).To(BeEquivalentTo(3))
	})

	It("releases a permission when its connection ends or gets another", func() {
		ask(c, login)
		ask(c, login)
		Expect(door.inside.Load()).To(BeEquivalentTo(1))
		Expect(c.Close()).To(Succeed())
		Eventually(door.inside.Load).Should(BeZero())
	})

	It("closes a connection that does not authenticate in time, however busy it is", func() {
		ask(c, request(wire.Ping, "", ""))
		clk.Add(serve.DefaultAuthTimeout - time.Nanosecond)
		ask(c, request(wire.Ping, "", ""))
		clk.Add(time.Nanosecond)
		Expect(io.ReadAll(c)).To(BeEmpty())
		Eventually(func() uint64 { return s.Stats().AuthTimeouts }).Should(BeEquivalentTo(1))
	})

	It("no longer counts an authenticated client's time", func() {
		ask(c, login)
		clk.Add(serve.DefaultAuthTimeout) // and not past the time for its answer, which may not be over yet
		status, _ := ask(c, request(wire.Ping, "", ""))
		Expect(status).To(Equal(wire.OK))
	})
})
