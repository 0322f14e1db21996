package cryptomem_test

import (
	"bytes"
	"encoding/binary"
	"strings"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cache"
	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/transport"
)

var _ = Describe("large values", func() {
	var store *cache.Cache
	var memory *transport.Budget
	var session *transport.Session
	BeforeEach(func() {
		var err error
		store, err = cache.New(clock.NewMock(), cache.WithMaxMemory(16<<20), cache.WithShards(1))
		Expect(err).NotTo(HaveOccurred())
		memory = transport.NewBudget(1 << 20)
		session = transport.NewSession(cryptomem.NewHandler(store), transport.Limits{Memory: memory})
		DeferCleanup(func() {
			session.Close()
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

	It("give the same answers as small ones, whatever pieces they arrive in", func() {
		value := strings.Repeat("0123456789abcdef", 5_000)
		for _, piece := range []int{1 << 20, 20_000, 1_000, 97, 16_401} {
			input := bytes.Join([][]byte{
				request(transport.CAS, "k", version(value)),
				request(transport.CAS, "k", "badbadba"+value),
				request(transport.GetDel, "k", ""),
				request(transport.Replace, "k", value),
				request(transport.Add, "k", value),
				request(transport.Add, "k", value),
				request(transport.Set, "k", value[1:]),
				request(transport.Get, "k", ""),
				request(transport.Get, "k", ""),
				request(transport.Ping, "", "small"),
			}, nil)
			var got []byte
			for len(input) > 0 {
				n := min(piece, len(input))
				answers, err := execute(session, input[:n])
				Expect(err).NotTo(HaveOccurred())
				got = append(got, answers...)
				input = input[n:]
			}
			var statuses []transport.Status
			var values []string
			for len(got) > 0 {
				r, n, err := transport.ParseResponse(got)
				Expect(err).NotTo(HaveOccurred())
				statuses, values = append(statuses, r.Status), append(values, string(r.Value))
				got = got[n:]
			}
			const (
				ok, exists = transport.OK, transport.Exists
			)
			Expect(statuses).To(Equal([]transport.Status{ok, exists, ok, transport.NotFound, ok, exists, ok, ok, ok, ok}))
			Expect(strings.Compare(values[2], value)).To(BeZero())
			Expect(strings.Compare(values[7]+values[8], value[1:]+value[1:])).To(BeZero())
			Expect(values[9]).To(Equal("small"))
		}
	})

	It("take no effect and no memory when they do not arrive whole", func() {
		whole := request(transport.Set, "k", strings.Repeat("v", 500_000))
		_, err := execute(session, whole[:len(whole)-1])
		Expect(err).NotTo(HaveOccurred())
		Expect(memory.Used()).To(BeNumerically(">", 400_000))
		_, _, found := store.GetAppend(1, nil, []byte("k"))
		Expect(found).To(BeFalse())
	})

	It("are answered from where they lie, even if overwritten before that is sent", func() {
		old := strings.Repeat("old", 100_000)
		_, err := execute(session, request(transport.Set, "k", old))
		Expect(err).NotTo(HaveOccurred())
		session.Received(copy(session.Buffer(), request(transport.Get, "k", "")))
		Expect(session.Execute(1)).To(Succeed())
		_, err = store.Set(1, []byte("k"), []byte("new"), 0)
		Expect(err).NotTo(HaveOccurred())
		var got []byte
		for pending := session.Pending(); len(pending) > 0; pending = session.Pending() {
			n := min(len(pending[0]), 12_345)
			got = append(got, pending[0][:n]...)
			session.Sent(n)
		}
		Expect(bytes.Compare(got, answer(nil, transport.OK, old))).To(BeZero())
	})

	It("count as in flight while they are echoed, or taken out, and not read", func() {
		value := strings.Repeat("v", 300_000)
		executed := func(b []byte) {
			GinkgoHelper()
			for len(b) > 0 {
				n := copy(session.Buffer(), b)
				session.Received(n)
				Expect(session.Execute(1)).To(Succeed())
				b = b[n:]
			}
		}
		_, err := store.Set(1, []byte("k"), []byte(value), 0)
		Expect(err).NotTo(HaveOccurred())
		for _, unread := range [][]byte{request(transport.Ping, "", value), request(transport.GetDel, "k", "")} {
			executed(unread)
			Expect(memory.Used()).To(BeNumerically("~", 350_000, 60_000))
			got, err := execute(session, nil)
			Expect(err).NotTo(HaveOccurred())
			Expect(strings.Compare(string(got), string(answer(nil, transport.OK, value)))).To(BeZero())
			Expect(memory.Used()).To(BeZero())
		}
		Expect(store.Stats().Items).To(BeZero())
	})

	It("are not echoed when memory in flight is used up, but taken out, since nobody else has them", func() {
		small := transport.NewBudget(700_000) // for one on its way in, and not for its echo besides
		tight := transport.NewSession(cryptomem.NewHandler(store), transport.Limits{Memory: small})
		defer tight.Close()
		value := strings.Repeat("v", 500_000)
		got, err := execute(tight, append(request(transport.Ping, "", "short"), request(transport.Ping, "", value)...))
		Expect(err).NotTo(HaveOccurred())
		r, n, err := transport.ParseResponse(got)
		Expect(err).NotTo(HaveOccurred())
		Expect(string(r.Value)).To(Equal("short"))
		r, _, err = transport.ParseResponse(got[n:])
		Expect(err).NotTo(HaveOccurred())
		Expect(r.Status).To(Equal(transport.Busy))
		Expect(small.Used()).To(BeZero())

		value += value
		_, err = store.Set(1, []byte("k"), []byte(value), 0)
		Expect(err).NotTo(HaveOccurred())
		got, err = execute(tight, request(transport.GetDel, "k", ""))
		Expect(err).NotTo(HaveOccurred())
		Expect(strings.Compare(string(got), string(answer(nil, transport.OK, value)))).To(BeZero())
		Expect(small.Used()).To(BeZero())
	})

	It("leave small ones alone: these are taken out, though memory in flight is used up", func() {
		tight := transport.NewSession(cryptomem.NewHandler(store), transport.Limits{Memory: transport.NewBudget(10)})
		defer tight.Close()
		value := strings.Repeat("v", cache.LargeValueSize-1)
		for _, key := range []string{"a", "b"} {
			_, err := store.Set(1, []byte(key), []byte(value), 0)
			Expect(err).NotTo(HaveOccurred())
		}
		got, err := execute(tight, append(request(transport.Get, "a", ""), request(transport.GetDel, "b", "")...))
		Expect(err).NotTo(HaveOccurred())
		want := answer(nil, transport.OK, value)
		Expect(bytes.Equal(got, append(want, want...))).To(BeTrue())
	})

	It("are refused when memory in flight is used up, in the middle of one or in an answer", func() {
		small := transport.NewBudget(100_000)
		tight := transport.NewSession(cryptomem.NewHandler(store), transport.Limits{Memory: small})
		defer tight.Close()
		value := strings.Repeat("v", 300_000)
		got, err := execute(tight, append(request(transport.Add, "k", value), request(transport.Ping, "", "x")...))
		Expect(err).NotTo(HaveOccurred())
		r, n, err := transport.ParseResponse(got)
		Expect(err).NotTo(HaveOccurred())
		Expect(r.Status).To(Equal(transport.Busy))
		Expect(got[n:]).To(Equal(answer(nil, transport.OK, "x")))

		_, err = execute(session, request(transport.Set, "k", value))
		Expect(err).NotTo(HaveOccurred())
		got, err = execute(tight, append(request(transport.Get, "k", ""), request(transport.GetV, "k", "")...))
		Expect(err).NotTo(HaveOccurred())
		r, n, err = transport.ParseResponse(got)
		Expect(err).NotTo(HaveOccurred())
		Expect(r.Status).To(Equal(transport.Error))
		r, _, err = transport.ParseResponse(got[n:])
		Expect(err).NotTo(HaveOccurred())
		Expect(r.Status).To(Equal(transport.Busy))
		Expect(small.Used()).To(BeZero())
	})
})
