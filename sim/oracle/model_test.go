package oracle_test

import (
	"encoding/binary"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/sim/oracle"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

var _ = Describe("the model", func() {
	var m *oracle.Model

	BeforeEach(func() { m = oracle.NewModel() })

	// see shows the model a request on k and its answer.
	see := func(now int64, c wire.Command, value string, ttl time.Duration, s wire.Status, answer string) string {
		return why(m.Check(now, &wire.Request{Command: c, Key: []byte("k"), Value: []byte(value), TTL: ttl},
			wire.Response{Status: s, Value: []byte(answer)}))
	}
	number := func(n uint64) string { return string(binary.BigEndian.AppendUint64(nil, n)) }

	for _, c := range wire.Commands() {
		if !c.Has(wire.Reads) && !c.Has(wire.Writes) {
			continue // the store has nothing to do with it
		}
		It("judges every command that reads or writes: "+c.String(), func() {
			noticed := false
			for _, s := range []wire.Status{wire.OK, wire.NotFound, wire.Exists} {
				r := wire.Request{Command: c, Key: []byte("k"), Value: []byte("eight ..")}
				noticed = noticed || oracle.NewModel().Check(1, &r, wire.Response{Status: s, Value: []byte("this was never stored")}) != nil
			}
			Expect(noticed).To(BeTrue(), "no wrong answer is noticed: sim/oracle/model.go")
		})
	}

	It("lets an item be there until the nanosecond before its expiry", func() {
		Expect(see(1, wire.Set, "a", 10, wire.OK, "")).To(BeEmpty())
		Expect(see(10, wire.Get, "", 0, wire.OK, "a")).To(BeEmpty())
		Expect(see(11, wire.Get, "", 0, wire.NotFound, "")).To(BeEmpty())
		Expect(see(11, wire.Get, "", 0, wire.OK, "a")).To(ContainSubstring("should be not found"))
	})

	It("notices another value", func() {
		Expect(see(1, wire.Set, "a", 0, wire.OK, "")).To(BeEmpty())
		Expect(see(2, wire.Get, "", 0, wire.OK, "b")).To(Equal(`model: GET "k" at 2: "b", should be "a"`))
	})

	It("compares what a store has counted with what it saw", func() {
		Expect(see(1, wire.Set, "a", 10, wire.OK, "")).To(BeEmpty())
		Expect(see(2, wire.Set, "b", 10, wire.OK, "")).To(BeEmpty())
		Expect(see(3, wire.Get, "", 0, wire.OK, "b")).To(BeEmpty())
		Expect(see(12, wire.Get, "", 0, wire.NotFound, "")).To(BeEmpty())
		Expect(see(13, wire.Add, "c", 0, wire.OK, "")).To(BeEmpty())
		Expect(see(14, wire.Delete, "", 0, wire.OK, "")).To(BeEmpty())
		right := oracle.Counts{Hits: 1, Misses: 1, Sets: 3, Deleted: 1, Expired: 1}
		Expect(why(m.CheckCounts(right))).To(BeEmpty())
		for name, wrong := range map[string]func(*oracle.Counts){
			"hits": func(c *oracle.Counts) { c.Hits++ }, "misses": func(c *oracle.Counts) { c.Misses-- },
			"sets": func(c *oracle.Counts) { c.Sets-- }, "deleted": func(c *oracle.Counts) { c.Deleted++ },
			"expired": func(c *oracle.Counts) { c.Expired-- }, "items": func(c *oracle.Counts) { c.Items++ },
		} {
			c := right
			wrong(&c)
			Expect(why(m.CheckCounts(c))).NotTo(BeEmpty(), name)
		}
		m.Busy(&wire.Request{Command: wire.Get})
		right.Hits++
		Expect(why(m.CheckCounts(right))).To(BeEmpty(), "it was found, and there was no room for it")
	})

	It("notices an item that is gone, unless it was evicted", func() {
		Expect(see(1, wire.Set, "a", 0, wire.OK, "")).To(BeEmpty())
		Expect(see(2, wire.Get, "", 0, wire.NotFound, "")).To(ContainSubstring("which was not evicted"))

		m.Evicted = func() uint64 { return 2 }
		Expect(see(3, wire.Set, "b", 0, wire.OK, "")).To(BeEmpty())
		Expect(see(4, wire.Get, "", 0, wire.NotFound, "")).To(BeEmpty())
		Expect(see(5, wire.Get, "", 0, wire.OK, "b")).To(ContainSubstring("should be not found"), "what was evicted stays away")
	})

	It("holds conditional writes to their conditions", func() {
		Expect(see(1, wire.Replace, "a", 0, wire.OK, "")).NotTo(BeEmpty())
		Expect(see(1, wire.Add, "a", 0, wire.Exists, "")).NotTo(BeEmpty())
		Expect(see(1, wire.Add, "a", 5, wire.OK, "")).To(BeEmpty())
		Expect(see(2, wire.Add, "b", 0, wire.OK, "")).NotTo(BeEmpty())
		Expect(see(6, wire.Touch, "", 9, wire.OK, "")).NotTo(BeEmpty(), "it has expired")
	})

	It("lets a version stay while nothing changes, and never come back", func() {
		ttl := number(0)
		Expect(see(1, wire.Set, "a", 0, wire.OK, "")).To(BeEmpty())
		Expect(see(2, wire.GetV, "", 0, wire.OK, number(7)+ttl+"a")).To(BeEmpty())
		Expect(see(3, wire.GetV, "", 0, wire.OK, number(8)+ttl+"a")).To(ContainSubstring("nothing changed"))
		Expect(see(4, wire.Set, "b", 0, wire.OK, "")).To(BeEmpty())
		Expect(see(5, wire.GetV, "", 0, wire.OK, number(7)+ttl+"b")).To(ContainSubstring("an earlier state"))
		Expect(see(6, wire.CAS, number(7)+"c", 0, wire.OK, number(9))).To(ContainSubstring("an earlier state"))
	})

	It("counts what a flush removes", func() {
		Expect(see(1, wire.Set, "a", 0, wire.OK, "")).To(BeEmpty())
		Expect(see(2, wire.Flush, "", 0, wire.OK, number(2))).To(ContainSubstring("there were 1"))
	})

	It("knows which names a scan may tell, and which it must", func() {
		scan := func(now int64, names ...string) string {
			told := wire.AppendNumber(nil, 0)
			for _, name := range names {
				told = wire.AppendName(told, []byte(name))
			}
			return see(now, wire.Scan, string(wire.AppendScan(nil, 0, 0)), 0, wire.OK, string(told))
		}
		Expect(see(1, wire.Set, "a", 5, wire.OK, "")).To(BeEmpty())
		Expect(scan(2, "k")).To(BeEmpty())
		Expect(scan(2, "k", "kk")).To(ContainSubstring(`told "kk", which is not there`))
		Expect(scan(2)).To(ContainSubstring("1 items are gone"))
		Expect(see(3, wire.Set, "a", 5, wire.OK, "")).To(BeEmpty())
		Expect(scan(8, "k")).To(ContainSubstring("not there"), "it has expired")
		Expect(scan(8)).To(BeEmpty())
	})

	It("allows a refusal only where the store may be full", func() {
		Expect(see(1, wire.Set, "a", 0, wire.Error, "full")).NotTo(BeEmpty())
		m.MayRefuse = true
		Expect(see(1, wire.Set, "a", 0, wire.Error, "full")).To(BeEmpty())
		Expect(see(1, wire.Get, "", 0, wire.Error, "odd")).NotTo(BeEmpty())
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
