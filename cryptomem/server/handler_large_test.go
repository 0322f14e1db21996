package server_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cache"

	"github.com/Zezezknight/cryptomem/cryptomem/server"
	"github.com/Zezezknight/cryptomem/transport/session"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

var _ = Describe("large values", func() {
	var store *cache.Cache
	var memory *session.Budget
	var s *session.Session
	BeforeEach(func() {
		var err error
		store, err = cache.New(clock.NewMock(), cache.WithMaxMemory(16<<20), cache.WithShards(1))
		Expect(err).NotTo(HaveOccurred())
		memory = session.NewBudget(1 << 20)
		s = session.New(server.NewHandler(store), session.Limits{Memory: memory})
		DeferCleanup(func() {
			s.Close()
			Expect(memory.Used()).To(BeZero(), "all memory is given back")
			Expect(store.Check()).To(Succeed())
			Expect(store.Close()).To(Succeed())
		})
	})
	version := func(value string) string {
		key := []byte("k")
		store.Delete(1, key)
		v, err := store.Set(1, key, []byte("old"), 0)
		Expect(err).NotTo(HaveOccurred())
		return string(binary.BigEndian.AppendUint64(nil, v)) + value
	}

	It("are metered to the byte, as small and refused ones are", func() {
		value := strings.Repeat("0123456789abcdef", 5_000)
		input := bytes.Join([][]byte{
			request(wire.Set, "k", value), request(wire.Get, "k", ""), request(wire.Set, "small", "v"), request(wire.Get, "nothing", ""),
			request(wire.Set, "too large", value+value),
		}, nil)
		meter := session.NewMeter(false)
		metered := session.New(server.NewHandler(store), session.Limits{MaxValueSize: len(value), Meter: meter})
		defer metered.Close()
		answers, err := execute(metered, input)
		Expect(err).NotTo(HaveOccurred())
		metered.Measure(1, 2)
		Expect(meter.Stats(3).Slowest[0].Bytes).To(BeEquivalentTo(len(input) + len(answers)))
	})

	It("are refused whole if there is no memory for the head of their answer", func() {
		// Blocks that input and answers have; with these and the value there is room
		// for little more.
		const input, block, little = 20 << 10, 64 << 10, 4 << 10
		small, large := []byte(strings.Repeat("s", 1000)), make([]byte, 1<<20-input-block-little)
		answer := wire.AppendResponse(nil, wire.OK, small)
		for key, value := range map[string][]byte{"small": small, "large": large} {
			_, err := store.Set(1, []byte(key), value, 0)
			Expect(err).NotTo(HaveOccurred())
		}
		n := block / len(answer)
		fill := strings.Repeat("f", block-n*len(answer)-wire.ResponseHeaderSize-1)
		requests := bytes.Join([][]byte{
			bytes.Repeat(request(wire.Get, "small", ""), n), request(wire.Ping, "", fill),
			request(wire.Get, "large", ""), request(wire.Ping, "", "after"),
		}, nil)
		piling := session.New(server.NewHandler(store), session.Limits{Memory: memory, HighWater: 2 * block})
		defer piling.Close()
		got, err := execute(piling, requests)
		Expect(err).NotTo(HaveOccurred())
		want := bytes.Join([][]byte{
			bytes.Repeat(answer, n), wire.AppendResponse(nil, wire.OK, []byte(fill)),
			session.MemoryUsedUp.Append(nil, wire.Get), wire.AppendResponse(nil, wire.OK, []byte("after")),
		}, nil)
		Expect(bytes.Equal(got, want)).To(BeTrue())
	})

	It("give their memory back as soon as they are given up", func() {
		whole := request(wire.Set, "k", strings.Repeat("v", 100_000))
		_, err := execute(s, whole[:70_000])
		Expect(err).NotTo(HaveOccurred())
		Expect(memory.Used()).To(BeNumerically(">", 0))
		s.Abort(errors.New("too slow"))
		answers, err := execute(s, nil)
		Expect(err).To(MatchError("too slow"))
		Expect(string(answers)).To(ContainSubstring("too slow"))
		Expect(memory.Used()).To(BeZero())
		Expect(store.Stats().Memory.Transit).To(BeZero())
	})

	It("give the same answers as small ones, whatever pieces they arrive in", func() {
		value := strings.Repeat("0123456789abcdef", 5_000)
		for _, piece := range []int{1 << 20, 20_000, 1_000, 97, 16_401} {
			input := bytes.Join([][]byte{
				request(wire.CAS, "k", version(value)),
				request(wire.CAS, "k", "badbadba"+value),
				request(wire.GetDel, "k", ""),
				request(wire.Replace, "k", value),
				request(wire.Add, "k", value),
				request(wire.Add, "k", value),
				request(wire.Set, "k", value[1:]),
				request(wire.Get, "k", ""),
				request(wire.Get, "k", ""),
				request(wire.Ping, "", "small"),
			}, nil)
			var got []byte
			for len(input) > 0 {
				n := min(piece, len(input))
				answers, err := execute(s, input[:n])
				Expect(err).NotTo(HaveOccurred())
				got = append(got, answers...)
				input = input[n:]
			}
			var statuses []wire.Status
			var values []string
			for len(got) > 0 {
				r, n, err := wire.ParseResponse(got)
				Expect(err).NotTo(HaveOccurred())
				statuses, values = append(statuses, r.Status), append(values, string(r.Value))
				got = got[n:]
			}
			const (
				ok, exists = wire.OK, wire.Exists
			)
			Expect(statuses).To(Equal([]wire.Status{ok, exists, ok, wire.NotFound, ok, exists, ok, ok, ok, ok}))
			Expect(strings.Compare(values[2], value)).To(BeZero())
			Expect(strings.Compare(values[7]+values[8], value[1:]+value[1:])).To(BeZero())
			Expect(values[9]).To(Equal("small"))
		}
	})

	It("take no effect and no memory when they do not arrive whole", func() {
		whole := request(wire.Set, "k", strings.Repeat("v", 500_000))
		_, err := execute(s, whole[:len(whole)-1])
		Expect(err).NotTo(HaveOccurred())
		Expect(memory.Used()).To(BeNumerically(">", 400_000))
		_, _, found := store.GetAppend(1, nil, []byte("k"))
		Expect(found).To(BeFalse())
	})

	It("are answered from where they lie, even if overwritten before that is sent", func() {
		old := strings.Repeat("old", 100_000)
		_, err := execute(s, request(wire.Set, "k", old))
		Expect(err).NotTo(HaveOccurred())
		s.Received(copy(s.Buffer(), request(wire.Get, "k", "")))
		Expect(s.Execute(1)).To(Succeed())
		_, err = store.Set(1, []byte("k"), []byte("new"), 0)
		Expect(err).NotTo(HaveOccurred())
		var got []byte
		for pending := s.Pending(); len(pending) > 0; pending = s.Pending() {
			n := min(len(pending[0]), 12_345)
			got = append(got, pending[0][:n]...)
			s.Sent(n)
		}
		Expect(bytes.Compare(got, answer(nil, wire.OK, old))).To(BeZero())
	})

	It("count as in flight while they are echoed, or taken out, and not read", func() {
		value := strings.Repeat("v", 300_000)
		executed := func(b []byte) {
			GinkgoHelper()
			for len(b) > 0 {
				n := copy(s.Buffer(), b)
				s.Received(n)
				Expect(s.Execute(1)).To(Succeed())
				b = b[n:]
			}
		}
		_, err := store.Set(1, []byte("k"), []byte(value), 0)
		Expect(err).NotTo(HaveOccurred())
		for _, unread := range [][]byte{request(wire.Ping, "", value), request(wire.GetDel, "k", "")} {
			executed(unread)
			Expect(memory.Used()).To(BeNumerically("~", 350_000, 100_000))
			got, err := execute(s, nil)
			Expect(err).NotTo(HaveOccurred())
			Expect(strings.Compare(string(got), string(answer(nil, wire.OK, value)))).To(BeZero())
			s.Release()
			Expect(memory.Used()).To(BeZero())
		}
		Expect(store.Stats().Items).To(BeZero())
	})

	It("are neither echoed nor taken out when memory in flight is used up", func() {
		small := session.NewBudget(700_000) // for one on its way in, and not for its echo besides
		tight := session.New(server.NewHandler(store), session.Limits{Memory: small})
		defer tight.Close()
		value := strings.Repeat("v", 500_000)
		got, err := execute(tight, append(request(wire.Ping, "", "short"), request(wire.Ping, "", value)...))
		Expect(err).NotTo(HaveOccurred())
		r, n, err := wire.ParseResponse(got)
		Expect(err).NotTo(HaveOccurred())
		Expect(string(r.Value)).To(Equal("short"))
		r, _, err = wire.ParseResponse(got[n:])
		Expect(err).NotTo(HaveOccurred())
		Expect(r.Status).To(Equal(wire.Busy))
		Expect(small.Used()).To(BeZero())

		value += value
		_, err = store.Set(1, []byte("k"), []byte(value), 0)
		Expect(err).NotTo(HaveOccurred())
		got, err = execute(tight, request(wire.GetDel, "k", ""))
		Expect(err).NotTo(HaveOccurred())
		r, _, err = wire.ParseResponse(got)
		Expect(err).NotTo(HaveOccurred())
		Expect(r.Status).To(Equal(wire.Busy))
		Expect(small.Used()).To(BeZero())
		Expect(store.Stats().Items).To(BeEquivalentTo(1), "it is still there")
	})

	It("leave small ones alone: these are taken out, though memory in flight is used up", func() {
		tight := session.New(server.NewHandler(store), session.Limits{Memory: session.NewBudget(10)})
		defer tight.Close()
		value := strings.Repeat("v", cache.LargeValueSize-1)
		for _, key := range []string{"a", "b"} {
			_, err := store.Set(1, []byte(key), []byte(value), 0)
			Expect(err).NotTo(HaveOccurred())
		}
		got, err := execute(tight, append(request(wire.Get, "a", ""), request(wire.GetDel, "b", "")...))
		Expect(err).NotTo(HaveOccurred())
		want := answer(nil, wire.OK, value)
		Expect(bytes.Equal(got, append(want, want...))).To(BeTrue())
	})

	It("are refused when memory in flight is used up, in the middle of one or in an answer", func() {
		small := session.NewBudget(100_000)
		tight := session.New(server.NewHandler(store), session.Limits{Memory: small})
		defer tight.Close()
		value := strings.Repeat("v", 300_000)
		got, err := execute(tight, append(request(wire.Add, "k", value), request(wire.Ping, "", "x")...))
		Expect(err).NotTo(HaveOccurred())
		r, n, err := wire.ParseResponse(got)
		Expect(err).NotTo(HaveOccurred())
		Expect(r.Status).To(Equal(wire.Busy))
		Expect(got[n:]).To(Equal(answer(nil, wire.OK, "x")))

		_, err = execute(s, request(wire.Set, "k", value))
		Expect(err).NotTo(HaveOccurred())
		got, err = execute(tight, append(request(wire.Get, "k", ""), request(wire.GetV, "k", "")...))
		Expect(err).NotTo(HaveOccurred())
		r, n, err = wire.ParseResponse(got)
		Expect(err).NotTo(HaveOccurred())
		Expect(r.Status).To(Equal(wire.Error))
		r, _, err = wire.ParseResponse(got[n:])
		Expect(err).NotTo(HaveOccurred())
		Expect(r.Status).To(Equal(wire.Busy))
		Expect(small.Used()).To(BeZero())
	})
})
