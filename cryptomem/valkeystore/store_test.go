package valkeystore_test

import (
	"encoding/binary"
	"strconv"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/valkeystore"
	"github.com/Zezezknight/cryptomem/cryptomem/valkeystore/valkeytest"
	"github.com/Zezezknight/cryptomem/sealing"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

var _ = Describe("A store on one node", Ordered, func() {
	var (
		server *valkeytest.Server
		c      caller
	)

	BeforeAll(func() { server = startServer() })

	BeforeEach(func() {
		server.Must("FLUSHALL")
		c = caller{open("valkey://" + server.Addr)}
	})

	It("keeps the envelope itself under the wire name, in one plain string", func() {
		Expect(c.set("name", "value", 0)).To(Succeed())
		Expect(server.Text("TYPE", "name")).To(Equal("string"))
		Expect(server.Text("GET", "name")).To(HavePrefix("\xc1"))
		Expect(server.Must("PTTL", "name").AsInt64()).To(BeEquivalentTo(-1))
		Expect(c.get("name")).To(Equal("value"))
	})

	It("answers a GET of nothing with not found", func() {
		_, err := c.get("nothing")
		Expect(err).To(MatchError(cryptomem.ErrNotFound))
	})

	It("replaces value and TTL with a SET", func() {
		Expect(c.set("name", "1", time.Minute)).To(Succeed())
		Expect(c.set("name", "2", 0)).To(Succeed())
		Expect(c.get("name")).To(Equal("2"))
		Expect(server.Must("PTTL", "name").AsInt64()).To(BeEquivalentTo(-1))
	})

	DescribeTable("stores at least the TTL that was asked for:",
		func(ttl time.Duration, px int) {
			Expect(valkeystore.Milliseconds(ttl)).To(BeEquivalentTo(px))
		},
		Entry("none", time.Duration(0), 0),
		Entry("a nanosecond", time.Nanosecond, 2),
		Entry("a millisecond", time.Millisecond, 2),
		Entry("a nanosecond more", time.Millisecond+1, 3),
		Entry("a minute", time.Minute, 60001),
	)

	It("adds a value only if there is none", func() {
		Expect(c.add("name", "1", 0, false)).Error().NotTo(HaveOccurred())
		Expect(c.add("name", "2", 0, false)).Error().To(MatchError(cryptomem.ErrExists))
		Expect(c.get("name")).To(Equal("1"))
	})

	It("replaces a value only if there is one", func() {
		replace := func(value string) error {
			return c.do(&cryptomem.Request{Command: wire.Replace, Name: []byte("name"), Value: seal("name", value, time.Time{})})
		}
		Expect(replace("1")).To(MatchError(cryptomem.ErrNotFound))
		Expect(c.set("name", "2", 0)).To(Succeed())
		Expect(replace("3")).To(Succeed())
		Expect(c.get("name")).To(Equal("3"))
	})

	It("deletes, and reports whether there was a value", func() {
		Expect(c.set("name", "1", 0)).To(Succeed())
		Expect(c.delete("name")).To(Succeed())
		Expect(c.delete("name")).To(MatchError(cryptomem.ErrNotFound))
	})

	It("gets and deletes in one step", func() {
		Expect(c.set("name", "1", 0)).To(Succeed())
		r := &cryptomem.Request{Command: wire.GetDel, Name: []byte("name")}
		Expect(c.do(r)).To(Succeed())
		Expect(sealer.Open(nil, r.Name, r.Answer, time.Time{})).To(BeEquivalentTo("1"))
		Expect(c.do(r)).To(MatchError(cryptomem.ErrNotFound))
	})

	It("removes at once what is swapped for a value that has ended", func() {
		Expect(c.set("name", "1", 0)).To(Succeed())
		_, version, err := c.getv("name", false)
		Expect(err).NotTo(HaveOccurred())
		Expect(c.cas("name", "", version+1, time.Nanosecond, false)).Error().To(MatchError(cryptomem.ErrChanged))
		Expect(c.cas("name", "", version, time.Nanosecond, false)).Error().NotTo(HaveOccurred())
		Expect(server.Must("EXISTS", "name").AsInt64()).To(BeZero())
	})

	It("swaps a value of the version that was read, and no other", func() {
		Expect(c.cas("name", "1", 1, 0, false)).Error().To(MatchError(cryptomem.ErrNotFound))
		Expect(c.set("name", "1", 0)).To(Succeed())
		_, version, err := c.getv("name", false)
		Expect(err).NotTo(HaveOccurred())
		next, err := c.cas("name", "2", version, time.Minute, false)
		Expect(err).NotTo(HaveOccurred())
		Expect(c.cas("name", "3", version, 0, false)).Error().To(MatchError(cryptomem.ErrChanged))
		value, read, err := c.getv("name", false)
		Expect(err).NotTo(HaveOccurred())
		Expect(value).To(Equal("2"))
		Expect(read).To(Equal(next), "CAS told the version that GETV sees")
		Expect(server.Must("PTTL", "name").AsInt64()).To(BeNumerically("~", 60000, 5000))
	})

	It("takes the version from the end of the nonce, whatever the envelope's own version", func() {
		for _, stamp := range []sealing.Stamp{0, sealing.StampAt(time.Unix(1e9, 0))} {
			envelope := sealStamped("name", "value", time.Time{}, stamp)
			Expect(c.do(&cryptomem.Request{Command: wire.Set, Name: []byte("name"), Value: envelope})).To(Succeed())
			_, version, err := c.getv("name", false)
			Expect(err).NotTo(HaveOccurred())
			tail := len(envelope) - len("value") - 16 - 8
			Expect(version).To(Equal(binary.BigEndian.Uint64(envelope[tail:])))
			Expect(c.cas("name", "other", version, 0, false)).Error().NotTo(HaveOccurred())
		}
	})

	It("gives the same value, stored again, another version", func() {
		Expect(c.set("name", "same", 0)).To(Succeed())
		_, first, _ := c.getv("name", false)
		Expect(c.set("name", "same", 0)).To(Succeed())
		_, second, _ := c.getv("name", false)
		Expect(second).NotTo(Equal(first))
	})

	It("loads its scripts again whenever the server has forgotten them", func() {
		Expect(c.set("name", "0", 0)).To(Succeed())
		_, version, err := c.getv("name", false)
		Expect(err).NotTo(HaveOccurred())
		for i := range 5 {
			server.Must("SCRIPT", "FLUSH")
			version, err = c.cas("name", strconv.Itoa(i), version, 0, false)
			Expect(err).NotTo(HaveOccurred())
		}
	})

	It("gives scripts without their first line to a server that does not know such lines, whichever call finds out first", func() {
		newCaller := func() caller { return caller{open("valkey://" + agedServer(server.Addr))} }
		set := func() (version uint64) {
			GinkgoHelper()
			Expect(c.set("name", "old", 0)).To(Succeed())
			_, version, err := c.getv("name", false)
			Expect(err).NotTo(HaveOccurred())
			return version
		}
		swap := func(version uint64) *cryptomem.Request {
			return &cryptomem.Request{Command: wire.CAS, Name: []byte("name"), Value: seal("name", "new", time.Time{}), Version: version}
		}

		many, version := newCaller(), set()
		errs := make(chan error, 50)
		for range cap(errs) {
			go func() { errs <- many.do(swap(version)) }()
		}
		won := 0
		for range cap(errs) {
			var err error
			Eventually(errs).WithTimeout(testTimeout).Should(Receive(&err))
			if err == nil {
				won++
			} else {
				Expect(err).To(MatchError(cryptomem.ErrChanged))
			}
		}
		Expect(won).To(Equal(1))

		r := swap(set())
		newCaller().store.DoAll(within(testTimeout), []*cryptomem.Request{r})
		Expect(r.Err).NotTo(HaveOccurred())

		r = swap(set())
		Expect(newCaller().store.(*valkeystore.Store).SwapAll(within(testTimeout), []*cryptomem.Request{r})).To(Succeed())
	})

	It("names its scripts by their true digests", func() {
		server.Must("SCRIPT", "FLUSH")
		for digest, body := range valkeystore.Scripts() {
			if strings.HasPrefix(body, "#!") && valkeytest.Major(GinkgoTB()) < 7 {
				continue // no such server takes it
			}
			Expect(server.Text("SCRIPT", "LOAD", body)).To(Equal(digest))
		}
	})

	It("answers a ping", func() {
		r := &cryptomem.Request{Command: wire.Ping, Value: []byte("ping")}
		Expect(c.do(r)).To(Succeed())
		Expect(r.Answer).To(BeEquivalentTo("ping"))
	})

	It("says what it cannot do", func() {
		Expect(c.do(&cryptomem.Request{Command: wire.Touch, Name: []byte("name")})).To(MatchError(cryptomem.ErrNotSupported))
	})

	It("asks the sealer for a value only when it is about to send", func() {
		c = caller{openOnce("valkey://" + server.Addr)}
		server.Kill()
		DeferCleanup(server.Run)
		seals := 0
		r := &cryptomem.Request{Command: wire.Set, Name: []byte("name"), Sealer: sealFunc(func(*cryptomem.Request) error { seals++; return nil })}
		Expect(c.do(r)).To(MatchError(cryptomem.ErrUnavailable))
		Expect(seals).To(BeZero())
	})

	It("puts a prefix before every key", func() {
		p := caller{open("valkey://"+server.Addr, valkeystore.WithPrefix("app:"))}
		Expect(p.set("name", "1", 0)).To(Succeed())
		Expect(server.Must("EXISTS", "app:name").AsInt64()).To(BeEquivalentTo(1))
		Expect(p.get("name")).To(Equal("1"))
		Expect(c.get("name")).Error().To(MatchError(cryptomem.ErrNotFound))
	})

	It("flushes the names of a prefix, however strange, and no others", func() {
		const strange = `a*b?c[d]e^f\`
		for _, name := range []string{strange + "1", strange + "2", "aXb?c[d]e^f\\1", "other", `a*b?c[d]e^f`} {
			Expect(c.set(name, "1", 0)).To(Succeed())
		}
		Expect(c.flush(strange)).To(BeEquivalentTo(2))
		Expect(server.Must("DBSIZE").AsInt64()).To(BeEquivalentTo(3))
	})

	It("flushes many more names than one look of the server shows", func() {
		rs := make([]*cryptomem.Request, 5000)
		for i := range rs {
			name := "many:" + strconv.Itoa(i)
			rs[i] = &cryptomem.Request{Command: wire.Set, Name: []byte(name), Value: []byte("v")}
		}
		c.store.DoAll(within(testTimeout), rs)
		Expect(c.set("mine", "1", 0)).To(Succeed())
		Expect(c.flush("many:")).To(BeEquivalentTo(5000))
		Expect(server.Must("DBSIZE").AsInt64()).To(BeEquivalentTo(1))
	})

	It("refuses to flush the names of all clients", func() {
		Expect(c.flush("")).Error().To(MatchError(cryptomem.ErrNotSupported))
	})

	It("carries out a batch in its order, and gives each request its own error", func() {
		name, other := []byte("name"), []byte("other")
		rs := []*cryptomem.Request{
			{Command: wire.Get, Name: name},
			{Command: wire.Set, Name: name, Value: []byte("1")},
			{Command: wire.Get, Name: name},
			{Command: wire.Set, Name: name, Value: []byte("2")},
			{Command: wire.Add, Name: name, Value: []byte("3")},
			{Command: wire.Get, Name: name},
			{Command: wire.Get, Name: other},
			{Command: wire.Delete, Name: name},
			{Command: wire.Get, Name: name},
			{Command: wire.Touch, Name: name},
		}
		c.store.DoAll(within(testTimeout), rs)
		Expect(rs[0].Err).To(MatchError(cryptomem.ErrNotFound))
		Expect(rs[1].Err).NotTo(HaveOccurred())
		Expect(string(rs[2].Answer)).To(Equal("1"))
		Expect(rs[4].Err).To(MatchError(cryptomem.ErrExists))
		Expect(string(rs[5].Answer)).To(Equal("2"))
		Expect(rs[6].Err).To(MatchError(cryptomem.ErrNotFound))
		Expect(rs[7].Err).NotTo(HaveOccurred())
		Expect(rs[8].Err).To(MatchError(cryptomem.ErrNotFound))
		Expect(rs[9].Err).To(MatchError(cryptomem.ErrNotSupported))
	})

	It("fails calls after Close, and before a server is there", func() {
		closed := caller{open("valkey://" + server.Addr)}
		Expect(closed.set("name", "1", 0)).To(Succeed())
		Expect(closed.store.Close()).To(Succeed())
		Expect(closed.set("name", "1", 0)).To(MatchError(cryptomem.ErrClosed))
		Expect(caller{open("unix:///nobody/here", valkeystore.WithBackoff(0, 0))}.set("name", "1", 0)).To(MatchError(cryptomem.ErrUnavailable))
	})

	It("copies what it sends, so that a caller may use its bytes again at once", func() {
		name := []byte("name")
		value := []byte(strings.Repeat("v", 100))
		Expect(c.do(&cryptomem.Request{Command: wire.Set, Name: name, Value: value})).To(Succeed())
		copy(name, "NAME")
		Expect(server.Must("EXISTS", "name").AsInt64()).To(BeEquivalentTo(1))
	})
})

type sealFunc func(*cryptomem.Request) error

func (f sealFunc) SealRequest(r *cryptomem.Request) error { return f(r) }

var _ = Describe("A lock on one node", Ordered, func() {
	var (
		server *valkeytest.Server
		c      caller
	)

	BeforeAll(func() { server = startServer() })
	BeforeEach(func() {
		server.Must("FLUSHALL")
		c = caller{open("valkey://" + server.Addr)}
	})

	It("is one key with its fence, which outlives the lock by an hour", func() {
		fence, err := c.add("lock", "me", time.Minute, true)
		Expect(err).NotTo(HaveOccurred())
		Expect(fence).To(BeNumerically(">", uint64(time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro())))
		Expect(server.Must("DBSIZE").AsInt64()).To(BeEquivalentTo(1))
		Expect(server.Must("PTTL", "lock").AsInt64()).To(BeNumerically("~", 3660000, 5000))
		value, read, err := c.getv("lock", true)
		Expect(err).NotTo(HaveOccurred())
		Expect(value).To(Equal("me"))
		Expect(read).To(Equal(fence))
	})

	It("is not taken from its holder, and is once its time is over, with a greater fence", func() {
		first, err := c.add("lock", "me", time.Millisecond, true)
		Expect(err).NotTo(HaveOccurred())
		var second uint64
		Eventually(func() error { second, err = c.add("lock", "you", time.Minute, true); return err }).Should(Succeed())
		Expect(second).To(BeNumerically(">", first))
		Expect(c.add("lock", "me", time.Minute, true)).Error().To(MatchError(cryptomem.ErrExists))
	})

	It("is swapped by a caller that knows the fence, and by no other", func() {
		Expect(c.cas("lock", "me", 1, time.Minute, true)).Error().To(MatchError(cryptomem.ErrNotFound))
		first, err := c.add("lock", "me", time.Minute, true)
		Expect(err).NotTo(HaveOccurred())
		second, err := c.cas("lock", "me", first, time.Minute, true)
		Expect(err).NotTo(HaveOccurred())
		Expect(second).To(BeNumerically(">", first))
		Expect(c.cas("lock", "you", first, time.Minute, true)).Error().To(MatchError(cryptomem.ErrChanged))
	})

	It("never takes a fence back when the server's clock does", func() {
		const future = "\x00\x1f\x00\x00\x00\x00\x00\x00" // of a clock far ahead
		server.Must("SET", "lock", future+"\x00\x00\x00\x00\x00\x00\x00\x00envelope")
		fence, err := c.add("lock", "me", time.Minute, true)
		Expect(err).NotTo(HaveOccurred())
		Expect(fence).To(BeEquivalentTo(uint64(0x1f<<48 + 1)))
	})

	It("leaves alone what is no lock", func() {
		Expect(c.set("lock", "value", 0)).To(Succeed())
		Expect(c.add("lock", "me", time.Minute, true)).Error().To(MatchError(cryptomem.ErrExists))
		Expect(c.cas("lock", "me", 5, time.Minute, true)).Error().To(MatchError(cryptomem.ErrChanged))
		Expect(c.get("lock")).To(Equal("value"))
	})
})
