package freshness

import (
	"fmt"
	"sync"
	"testing"
	"time"
	"unsafe"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/sealing"
)

var _ = Describe("A table", func() {
	const clocks, delay = 5 * time.Second, 55 * time.Second
	const window = clocks + delay
	name := []byte("name")
	start := time.UnixMilli(1_700_000_000_000)
	var (
		t   *Table
		now time.Time
	)
	BeforeEach(func() {
		var err error
		t, err = New(Config{Key: [16]byte{1}})
		Expect(err).NotTo(HaveOccurred())
		now = start
	})
	at := func(offset time.Duration, id uint64) Envelope {
		return Envelope{sealing.StampAt(start.Add(offset)), id}
	}
	unstamped := func(id uint64) Envelope { return Envelope{0, id} }
	read := func(e Envelope) error { return t.Hit(t.Begin(name), e, now) }
	write := func(e Envelope) { t.Written(t.Begin(name), e) }

	Describe("that has seen an envelope current", func() {
		BeforeEach(func() { Expect(read(unstamped(1))).To(Succeed()) })

		It("reads it as often as it comes", func() {
			Expect(read(unstamped(1))).To(Succeed())
			Expect(read(unstamped(1))).To(Succeed())
		})

		for what, replaced := range map[string]func(){
			"another was read":                  func() { Expect(read(unstamped(2))).To(Succeed()) },
			"another was written":               func() { write(unstamped(2)) },
			"it was deleted":                    func() { t.Deleted(t.Begin(name), t.Stamp(now)) },
			"nothing was there":                 func() { t.Miss(t.Begin(name)) },
			"it was taken":                      func() { Expect(t.GetDeleted(t.Begin(name), unstamped(1), t.Stamp(now), now)).To(Succeed()) },
			"another was taken":                 func() { Expect(t.GetDeleted(t.Begin(name), unstamped(2), t.Stamp(now), now)).To(Succeed()) },
			"another was written, and replaced": func() { write(unstamped(2)); write(unstamped(3)) },
		} {
			It("refuses it once "+what, func() {
				replaced()
				Expect(read(unstamped(1))).To(And(MatchError(ErrSuperseded), MatchError(sealing.ErrStale)))
				Expect(read(unstamped(1))).To(MatchError(ErrSuperseded))
			})
		}

		It("refuses nothing because of a write that failed, or whose outcome is unknown", func() {
			t.Begin(name)
			Expect(read(unstamped(1))).To(Succeed())
		})

		It("refuses nothing because of a flush of some names", func() {
			Expect(read(unstamped(1))).To(Succeed())
		})

		It("refuses nothing to a request that began before it was replaced", func() {
			early := t.Begin(name)
			write(unstamped(2))
			Expect(t.Hit(early, unstamped(1), now)).To(Succeed())
			Expect(read(unstamped(2))).To(Succeed())
			Expect(read(unstamped(1))).To(MatchError(ErrSuperseded))
		})

		It("keeps the first of two findings that overlap", func() {
			early := t.Begin(name)
			write(unstamped(2))
			Expect(t.Hit(early, unstamped(3), now)).To(Succeed()) // which of the two came first?
			Expect(read(unstamped(2))).To(Succeed())
			t.Miss(t.Begin(name))
			Expect(read(unstamped(2))).To(MatchError(ErrSuperseded))
		})

		It("refuses nothing under another name", func() {
			write(unstamped(2))
			Expect(t.Hit(t.Begin([]byte("other")), unstamped(1), now)).To(Succeed())
		})
	})

	It("refuses what was taken, even if it was never seen before", func() {
		Expect(t.GetDeleted(t.Begin(name), unstamped(1), t.Stamp(now), now)).To(Succeed())
		Expect(read(unstamped(1))).To(MatchError(ErrSuperseded))
		Expect(t.GetDeleted(t.Begin(name), unstamped(1), t.Stamp(now), now)).To(MatchError(ErrSuperseded))
	})

	It("remembers nothing of a miss under a name that it does not know", func() {
		t.Miss(t.Begin(name))
		Expect(t.shard(t.hash.sum(name)).find(t.hash.sum(name)).ok()).To(BeFalse())
	})

	Describe("that knows how new a name is", func() {
		for what, learn := range map[string]func(){
			"from reading":  func() { Expect(read(at(0, 1))).To(Succeed()) },
			"from writing":  func() { write(at(0, 1)) },
			"from deleting": func() { t.Deleted(t.Begin(name), t.Stamp(now)) },
			"from taking":   func() { Expect(t.GetDeleted(t.Begin(name), at(-time.Hour, 9), t.Stamp(now), now)).To(Succeed()) },
			"from a flush":  func() { t.Flushed(t.Stamp(now)) },
		} {
			It("refuses what was sealed more than W before, "+what, func() {
				learn()
				Expect(read(at(-window-time.Millisecond, 5))).To(MatchError(ErrSuperseded))
				Expect(read(at(-window, 6))).To(Succeed())
			})
		}

		It("counts milliseconds, and never what is counted within one", func() {
			write(Envelope{sealing.StampAt(start) + 0xFFFF, 1})
			Expect(read(Envelope{sealing.StampAt(start.Add(-window)), 2})).To(Succeed())
		})

		It("judges by what it knew when the request began", func() {
			early := t.Begin(name)
			write(at(0, 1))
			Expect(t.Hit(early, at(-time.Hour, 5), now)).To(Succeed())
		})

		It("never knows a name to be older than it was", func() {
			write(at(0, 1))
			Expect(read(at(-window, 2))).To(Succeed())
			Expect(read(at(-window-time.Millisecond, 3))).To(MatchError(ErrSuperseded))
		})

		It("keeps what it knows when what it only read is written", func() {
			Expect(read(at(0, 1))).To(Succeed())
			write(at(-window, 2))
			Expect(read(at(-window-time.Millisecond, 3))).To(MatchError(ErrSuperseded))
			Expect(read(at(0, 1))).To(MatchError(ErrSuperseded))
		})

		It("learns nothing from what it refuses", func() {
			write(at(0, 1))
			Expect(read(at(-window-1, 5))).NotTo(Succeed())
			Expect(read(at(0, 1))).To(Succeed())
		})

		It("judges what has no stamp by identity alone", func() {
			write(at(0, 1))
			Expect(read(unstamped(7))).To(Succeed())
		})
	})

	Describe("and stamps from the future", func() {
		It("refuses them beyond what clocks may differ, and learns nothing", func() {
			Expect(read(at(clocks, 1))).To(Succeed())
			Expect(read(at(clocks+time.Millisecond, 2))).To(MatchError(sealing.ErrAhead))
			Expect(t.Stamp(now)).To(Equal(sealing.StampAt(now.Add(clocks)) + 1))
			Expect(read(at(-delay, 3))).To(Succeed())
		})

		It("are not believed of what it knew itself when its clock was set back", func() {
			now = start.Add(24 * time.Hour)
			write(Envelope{t.Stamp(now), 1})
			now = start
			Expect(read(at(0, 2))).To(Succeed())
		})
	})

	Describe("as a clock", func() {
		It("never gives the same stamp twice, nor an earlier one", func() {
			last := t.Stamp(now)
			for range 1000 {
				next := t.Stamp(now)
				Expect(next).To(BeNumerically(">", last))
				last = next
			}
			Expect(t.Stamp(now.Add(-clocks))).To(Equal(last + 1))
		})

		It("shows the time", func() { Expect(t.Stamp(now)).To(Equal(sealing.StampAt(now))) })

		It("goes beyond what it has accepted", func() {
			Expect(read(at(time.Second, 1))).To(Succeed())
			Expect(t.Stamp(now)).To(Equal(at(time.Second, 1).Stamp + 1))
		})

		It("that was set back further than clocks may differ starts again, and forgets the stamps but not who is current", func() {
			write(Envelope{t.Stamp(now), 1})
			t.Flushed(t.Stamp(now))
			now = start.Add(-time.Hour)
			Expect(t.Stamp(now)).To(Equal(sealing.StampAt(now)))
			now = start.Add(time.Hour)
			Expect(read(at(-window-time.Second, 2))).To(Succeed())
			Expect(read(at(0, 1))).To(MatchError(ErrSuperseded))
		})

		It("does not fall behind a cut that is in force, even if it is set back a little", func() {
			t.SetCut(start)
			Expect(t.Stamp(start)).To(Equal(sealing.StampAt(start)))
			Expect(read(unstamped(1))).To(Succeed())
			now = start.Add(clocks)
			Expect(read(unstamped(1))).To(Succeed()) // the clock passes the cut
			Expect(t.Stamp(start)).To(Equal(sealing.StampAt(start.Add(clocks)) + 1))
		})

		It("ignores a cut that was taken back", func() {
			t.SetCut(start.Add(-time.Hour))
			t.SetCut(time.Time{})
			Expect(t.Stamp(start.Add(-2 * time.Hour))).To(Equal(sealing.StampAt(start.Add(-2 * time.Hour))))
		})
	})

	Describe("within its bounds", func() {
		nth := func(what string, i int) []byte { return fmt.Appendf(nil, "%s %d", what, i) }

		It("takes at most 2 MB for 65,536 names", func() {
			size := int(unsafe.Sizeof(*t))
			names, dead := 0, 0
			for i := range t.shards {
				s := &t.shards[i]
				size += len(s.sets)*int(unsafe.Sizeof(set{})) + len(s.dead)*int(unsafe.Sizeof(tombstones{}))
				names += len(s.sets) * ways
				dead += len(s.dead) * tombstoneWays
			}
			Expect(names).To(Equal(DefaultNames))
			Expect(dead).To(Equal(DefaultNames / 4))
			Expect(size).To(BeNumerically("<=", 2_000_000))
		})

		It("does not let names that are only read push out what was written", func() {
			for i := range 1000 {
				t.Written(t.Begin(nth("written", i)), at(0, uint64(i+1)))
			}
			for i := range 10 * DefaultNames {
				Expect(t.Hit(t.Begin(nth("read", i)), at(0, 1), now)).To(Succeed())
			}
			kept := 0
			for i := range 1000 {
				if t.Hit(t.Begin(nth("written", i)), at(-2*window, 9), now) != nil {
					kept++
				}
			}
			Expect(kept).To(BeNumerically(">", 990))
		})

		It("forgets the earliest of the names that it wrote, and works on", func() {
			small, err := New(Config{Names: 1, Key: [16]byte{1}})
			Expect(err).NotTo(HaveOccurred())
			for i := range 10_000 {
				small.Written(small.Begin(nth("name", i)), at(0, 1))
			}
			known := func(i int) bool { return small.Begin(nth("name", i)).current != 0 }
			Expect(known(9_999)).To(BeTrue())
			Expect(known(0)).To(BeFalse())
		})

		It("forgets the envelopes that died first", func() {
			const most = 4 * DefaultNames // 16 for each place of a dead one
			for id := range uint64(most) {
				write(unstamped(id + 1))
			}
			Expect(read(unstamped(most - 1))).To(MatchError(ErrSuperseded))
			Expect(read(unstamped(1))).To(Succeed())
		})

		It("allocates nothing", func() {
			l := t.Begin(name)
			id := uint64(0)
			Expect(testing.AllocsPerRun(100, func() {
				id++
				t.Written(t.Begin(name), Envelope{t.Stamp(now), id})
				_ = t.Hit(t.Begin(name), Envelope{t.Stamp(now), id}, now)
				_ = t.Hit(l, at(-time.Hour, 1), now)
				_ = t.GetDeleted(t.Begin(name), Envelope{t.Stamp(now), id}, t.Stamp(now), now)
				t.Deleted(t.Begin(name), t.Stamp(now))
				t.Miss(t.Begin(name))
			})).To(BeZero())
		})

		DescribeTable("refuses a configuration without sense", func(c Config) {
			_, err := New(c)
			Expect(err).To(HaveOccurred())
		},
			Entry("clocks", Config{Clocks: -1}),
			Entry("delay", Config{Delay: -1}),
			Entry("names", Config{Names: -1}),
			Entry("too many names", Config{Names: 1 << 30}),
		)
	})

	It("may be used by many goroutines at once", func() {
		var wg sync.WaitGroup
		for g := range 8 {
			wg.Go(func() {
				for i := range 2000 {
					n := fmt.Appendf(nil, "name %d", i%7)
					l := t.Begin(n)
					e := Envelope{t.Stamp(now), uint64(g*10_000 + i + 1)}
					switch i % 4 {
					case 0:
						t.Written(l, e)
					case 1:
						_ = t.Hit(l, e, now)
					case 2:
						_ = t.GetDeleted(l, e, t.Stamp(now), now)
					case 3:
						t.Miss(l)
						t.Flushed(e.Stamp)
					}
				}
			})
		}
		wg.Wait()
	})
})

var _ = Describe("The hash of names", func() {
	It("is SipHash-1-3", func() {
		for n, want := range map[int]uint64{ // as CPython's, under a key of zeros
			1: 0x68a914128e01e473, 7: 0x2f098ab0c751325a, 8: 0xead411e67ebe2eea, 9: 0x75927f9d95124362,
			15: 0xf30eb725bb91c9ea, 16: 0x8972188433a5c5b7, 31: 0x169739443111d49b, 63: 0x385d3e39e5f37359,
		} {
			b := make([]byte, n)
			for i := range b {
				b[i] = byte(i)
			}
			Expect(newSipHash([16]byte{}).sum(b)).To(Equal(want), "%d bytes", n)
		}
	})

	It("differs between keys", func() {
		Expect(newSipHash([16]byte{1}).sum([]byte("name"))).NotTo(Equal(newSipHash([16]byte{15: 1}).sum([]byte("name"))))
	})
})

var _ = Describe("A table that is told nothing", func() {
	It("behaves as documented", func() {
		Expect([]any{DefaultClocks, DefaultDelay, DefaultNames}).To(Equal([]any{5 * time.Second, 55 * time.Second, 65536}))
	})
})
