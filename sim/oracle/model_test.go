package oracle_test

import (
	"encoding/binary"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/sim/oracle"
	"github.com/Zezezknight/cryptomem/transport"
)

var _ = Describe("the model", func() {
	var m *oracle.Model

	BeforeEach(func() { m = oracle.NewModel() })

	// see shows the model a request on k and its answer.
	see := func(now int64, c transport.Command, value string, ttl time.Duration, s transport.Status, answer string) string {
		return why(m.Check(now, &transport.Request{Command: c, Key: []byte("k"), Value: []byte(value), TTL: ttl},
			transport.Response{Status: s, Value: []byte(answer)}))
	}
	number := func(n uint64) string { return string(binary.BigEndian.AppendUint64(nil, n)) }

	It("lets an item be there until the nanosecond before its expiry", func() {
		Expect(see(1, transport.Set, "a", 10, transport.OK, "")).To(BeEmpty())
		Expect(see(10, transport.Get, "", 0, transport.OK, "a")).To(BeEmpty())
		Expect(see(11, transport.Get, "", 0, transport.NotFound, "")).To(BeEmpty())
		Expect(see(11, transport.Get, "", 0, transport.OK, "a")).To(ContainSubstring("should be not found"))
	})

	It("notices another value", func() {
		Expect(see(1, transport.Set, "a", 0, transport.OK, "")).To(BeEmpty())
		Expect(see(2, transport.Get, "", 0, transport.OK, "b")).To(Equal(`model: GET "k" at 2: "b", should be "a"`))
	})

	It("notices an item that is gone, unless it was evicted", func() {
		Expect(see(1, transport.Set, "a", 0, transport.OK, "")).To(BeEmpty())
		Expect(see(2, transport.Get, "", 0, transport.NotFound, "")).To(ContainSubstring("which was not evicted"))

		m.Evicted = func() uint64 { return 2 }
		Expect(see(3, transport.Set, "b", 0, transport.OK, "")).To(BeEmpty())
		Expect(see(4, transport.Get, "", 0, transport.NotFound, "")).To(BeEmpty())
		Expect(see(5, transport.Get, "", 0, transport.OK, "b")).To(ContainSubstring("should be not found"), "what was evicted stays away")
	})

	It("holds conditional writes to their conditions", func() {
		Expect(see(1, transport.Replace, "a", 0, transport.OK, "")).NotTo(BeEmpty())
		Expect(see(1, transport.Add, "a", 0, transport.Exists, "")).NotTo(BeEmpty())
		Expect(see(1, transport.Add, "a", 5, transport.OK, "")).To(BeEmpty())
		Expect(see(2, transport.Add, "b", 0, transport.OK, "")).NotTo(BeEmpty())
		Expect(see(6, transport.Touch, "", 9, transport.OK, "")).NotTo(BeEmpty(), "it has expired")
	})

	It("lets a version stay while nothing changes, and never come back", func() {
		ttl := number(0)
		Expect(see(1, transport.Set, "a", 0, transport.OK, "")).To(BeEmpty())
		Expect(see(2, transport.GetV, "", 0, transport.OK, number(7)+ttl+"a")).To(BeEmpty())
		Expect(see(3, transport.GetV, "", 0, transport.OK, number(8)+ttl+"a")).To(ContainSubstring("nothing changed"))
		Expect(see(4, transport.Set, "b", 0, transport.OK, "")).To(BeEmpty())
		Expect(see(5, transport.GetV, "", 0, transport.OK, number(7)+ttl+"b")).To(ContainSubstring("an earlier state"))
		Expect(see(6, transport.CAS, number(7)+"c", 0, transport.OK, number(9))).To(ContainSubstring("an earlier state"))
	})

	It("counts what a flush removes", func() {
		Expect(see(1, transport.Set, "a", 0, transport.OK, "")).To(BeEmpty())
		Expect(see(2, transport.Flush, "", 0, transport.OK, number(2))).To(ContainSubstring("there were 1"))
	})

	It("allows a refusal only where the store may be full", func() {
		Expect(see(1, transport.Set, "a", 0, transport.Error, "full")).NotTo(BeEmpty())
		m.MayRefuse = true
		Expect(see(1, transport.Set, "a", 0, transport.Error, "full")).To(BeEmpty())
		Expect(see(1, transport.Get, "", 0, transport.Error, "odd")).NotTo(BeEmpty())
	})
})

var _ = Describe("the ledger", func() {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

	It("accepts what was sealed under the name and has not expired", func() {
		l := oracle.NewLedger()
		l.Sealed("a", "k", start.Add(time.Second))
		Expect(why(l.Accepted("a", "k", start, 0))).To(BeEmpty())
		Expect(why(l.Accepted("b", "k", start, 0))).To(ContainSubstring("no holder of the key wrote it"))
		Expect(why(l.Accepted("a", "other", start, 0))).To(ContainSubstring("it was written as \"k\"'s"))
		Expect(why(l.Accepted("a", "k", start.Add(time.Second), 0))).To(ContainSubstring("past its sealed expiry"))
		Expect(why(l.Accepted("a", "k", start.Add(time.Second), time.Minute))).To(BeEmpty())
	})

	It("knows when a refusal as expired is right", func() {
		l := oracle.NewLedger()
		l.Sealed("a", "k", start.Add(time.Second))
		Expect(why(l.Expired("k", start, 0))).NotTo(BeEmpty())
		Expect(why(l.Expired("k", start.Add(time.Second), 0))).To(BeEmpty())
	})
})
