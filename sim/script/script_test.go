package script_test

import (
	"math"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/sim/script"
)

const example = `# A touch at the very instant of expiry finds nothing.
# It is aimed at that instant.
seed 7
clients 2
delay 1ms..2ms
fragment 1..20
memory 1MiB
evict on

@0s c1 set k1 a:100B ttl 10ms => ok
@5ms c2 touch k1 ttl 1h0m0s aim -1ns => miss
@6ms c2 set "a key: with a colon" "b c":4KiB
@7ms c1 stall up 3ms
@8ms c1 cut
@8ms c1 clock -5s
@9ms server restart 2ms
@9ms server sweep 3
@10ms c1 flush
@10ms c1 flush k
@11ms raw1 send 434d
@12ms raw1 expect 434d02
@12ms raw1 eof
@13ms raw2 @cas
@14ms c1 prolong k1 ttl 1s => ok else miss
@20ms c2 get k1 => miss else "b c" else expired
`

var _ = Describe("a script", func() {
	It("is printed as it was read", func() {
		s, err := script.Parse(example)
		Expect(err).NotTo(HaveOccurred())
		Expect(s.String()).To(Equal(example))
	})

	It("is read into what it says", func() {
		s, err := script.Parse(example)
		Expect(err).NotTo(HaveOccurred())
		Expect(s.Title).To(Equal([]string{"A touch at the very instant of expiry finds nothing.", "It is aimed at that instant."}))
		Expect(s.Seed).To(Equal(uint64(7)))
		Expect(s.Config.Delay).To(Equal(script.Range{Min: time.Millisecond, Max: 2 * time.Millisecond}))
		Expect(s.Config.Evict).To(BeTrue())
		Expect(s.Actions[1]).To(Equal(script.Action{
			At: 5 * time.Millisecond, Actor: script.Actor{Kind: script.Client, Index: 2}, Verb: script.Touch,
			Key: "k1", TTL: time.Hour, Aim: script.Aim{On: true, Offset: -1}, Want: "miss",
		}))
	})

	It("mixes hex and quoted text in the bytes of a raw connection", func() {
		s, err := script.Parse(`@0s raw1 send "CM" 02 0001 00000000 0000000000000000 "k"`)
		Expect(err).NotTo(HaveOccurred())
		Expect(string(s.Actions[0].Bytes)).To(Equal("CM\x02\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00k"))
	})

	It("repeats quoted text up to its size", func() {
		s, err := script.Parse(`@0s raw1 send "CM":5 ff`)
		Expect(err).NotTo(HaveOccurred())
		Expect(string(s.Actions[0].Bytes)).To(Equal("CMCMC\xff"))
	})

	It("allows comments between actions and behind them", func() {
		s, err := script.Parse("clients 1\n# first\n@0s c1 get k # second\n")
		Expect(err).NotTo(HaveOccurred())
		Expect(s.Actions).To(HaveLen(1))
	})

	DescribeTable("is refused with the line and the reason",
		func(text, message string) {
			_, err := script.Parse(text)
			Expect(err).To(MatchError(message))
		},
		Entry("an unknown setting", "speed 3", `line 1: no setting is called "speed"`),
		Entry("many clients of whom one is not there", "clients 3\n@0s c1..c4 ping", `line 2: there is no "c4": c1 to c3, raw1 to raw64, or server`),
		Entry("many clients in the wrong order", "clients 3\n@0s c3..c1 ping", "line 2: c3..c1: many are clients, the lower index first"),
		Entry("many servers", "@0s server..c1 sweep 1", "line 1: server..c1: many are clients, the lower index first"),
		Entry("one label of many clients", "clients 2\n@0s c1..c2 set k a", `line 2: value "a" is written twice, every write has its own`),
		Entry("a bad value", "\nclients 0", `line 2: "0" is not a number from 1 to 1024`),
		Entry("a bad size", "memory 7G", `line 1: "7G" is not a size like 64B, 4KiB or 1MiB`),
		Entry("a client that is not there", "@0s c2 get k", `line 1: there is no "c2": c1 to c1, raw1 to raw64, or server`),
		Entry("an unknown verb", "@0s c1 eat k", `line 1: c1 cannot "eat"`),
		Entry("another's verb", "@0s server get k", `line 1: server cannot "get"`),
		Entry("time that runs back", "@2s c1 get k\n@1s c1 get k", `line 2: 1s comes after 2s: actions stand in order of time`),
		Entry("a missing key", "@0s c1 get", `line 1: get wants a key`),
		Entry("a missing value", "@0s c1 set k", `line 1: set wants a value: a label, and perhaps a colon and a size`),
		Entry("a value that is written twice", "@0s c1 set k a\n@1s c1 set k a", `line 2: value "a" is written twice, every write has its own`),
		Entry("a value that is called like an outcome", "@0s c1 set k miss", `line 1: "miss" is the name of an outcome, not of a value`),
		Entry("a word too many", "@0s c1 get k now", `line 1: "now" wants something behind it`),
		Entry("a TTL on a read", "@0s c1 get k ttl 1s", `line 1: "ttl" means nothing behind get`),
		Entry("a lock for ever", "@0s c1 lock k", `line 1: lock wants a ttl, longer than 0`),
		Entry("a name of two kinds", "@0s c1 lock k ttl 1s\n@1s c1 get k", `line 2: "k" is the name of a lock, not of a value`),
		Entry("an open quote", `@0s c1 get "k`, `line 1: a quote is not closed`),
		Entry("no text that is repeated", `@0s raw1 send "":5`, `line 1: no text cannot be repeated`),
		Entry("text that is repeated too often", `@0s raw1 send "k":9MiB "k":9MiB`, `line 1: "k" of 9437184 bytes: a script repeats text up to 16777216 bytes in all`),
		Entry("bytes that are not hex", `@0s raw1 send xy`, `line 1: "xy" is not hex, text stands in quotes`),
	)
})

var _ = Describe("a value", func() {
	It("begins with its label and has its size", func() {
		v := script.Value{Label: "v12", Size: 20}
		content := v.AppendTo(nil)
		Expect(content).To(HaveLen(20))
		Expect(script.Label(content)).To(Equal("v12"))
		Expect(v.Is(content)).To(BeTrue())
		content[19]++
		Expect(v.Is(content)).To(BeFalse())
		Expect(script.Label(script.Value{Label: "v1"}.AppendTo(nil))).To(Equal("v1"))
	})
})

var _ = Describe("a draw", func() {
	It("depends on its seed and its key alone", func() {
		Expect(script.Draw(1, 2, 3)).To(Equal(script.Draw(1, 2, 3)))
		Expect(script.Draw(1, 2, 3)).NotTo(Equal(script.Draw(1, 3, 2)))
		Expect(script.Draw(2, 2, 3)).NotTo(Equal(script.Draw(1, 2, 3)))
		Expect(script.Draw(0)).NotTo(Equal(script.Draw(0, 0)))
	})
})

var _ = Describe("a generated script", func() {
	It("is the same for the same seed and another for another", func() {
		Expect(script.Generate(5).String()).To(Equal(script.Generate(5).String()))
		Expect(script.Generate(5).String()).NotTo(Equal(script.Generate(6).String()))
	})

	It("can be written down and read back", func() {
		for seed := range uint64(200) {
			text := script.Generate(seed).String()
			s, err := script.Parse(text)
			Expect(err).NotTo(HaveOccurred())
			Expect(s.String()).To(Equal(text))
		}
	})

	It("uses every verb and every fault in some seed", func() {
		seen := map[script.Verb]bool{}
		for seed := range uint64(300) {
			for _, a := range slices.Concat(script.Generate(seed).Actions, script.GenerateRing(seed).Actions) {
				seen[a.Verb] = true
			}
		}
		byHand := []script.Verb{script.Deliver, script.Send, script.Expect, script.EOF, script.Play}
		for v := range script.Verb(math.MaxUint8) {
			if name := v.String(); name != "" && !strings.HasPrefix(name, "verb ") && !slices.Contains(byHand, v) {
				Expect(seen).To(HaveKey(v), v.String())
			}
		}
	})

	It("has no two actions at one time", func() {
		actions := script.Generate(3).Actions
		for i := 1; i < len(actions); i++ {
			Expect(actions[i].At).To(BeNumerically(">", actions[i-1].At))
		}
	})
})

var _ = Describe("minimising", func() {
	It("keeps only the actions that a failure needs", func() {
		s := script.Generate(11)
		first, second := s.Actions[3], s.Actions[len(s.Actions)-2]
		small := script.Minimize(s, 10_000, func(c *script.Script) bool {
			return has(c, first.Verb, first.At) && has(c, second.Verb, second.At)
		})
		Expect(small.Actions).To(HaveLen(2))
		Expect(len(s.Actions)).To(BeNumerically(">", 2), "the original is left alone")
	})

	It("makes the world and the actions plain", func() {
		s, err := script.Parse("clients 4\ndelay 1ms..2ms\npadding on\n@1s c3 set k v:100B ttl 5ms aim 0s\n")
		Expect(err).NotTo(HaveOccurred())
		small := script.Minimize(s, 1000, func(c *script.Script) bool { return len(c.Actions) == 1 })
		Expect(small.String()).To(Equal("@1s c1 set k v\n"))
	})

	It("stops after the calls it is allowed", func() {
		calls := 0
		script.Minimize(script.Generate(1), 7, func(*script.Script) bool { calls++; return false })
		Expect(calls).To(Equal(7))
	})
})

func has(s *script.Script, verb script.Verb, at time.Duration) bool {
	return slices.ContainsFunc(s.Actions, func(a script.Action) bool { return a.At == at && a.Verb == verb })
}
