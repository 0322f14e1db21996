package wire_test

import (
	"bytes"
	"math"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/testdata"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

var _ = Describe("a frame", func() {
	It("carries a request's every field there and back", func() {
		for _, r := range []wire.Request{
			{Command: wire.Set, Key: []byte("k"), Value: []byte("v"), TTL: time.Minute},
			{Command: wire.Get, Key: bytes.Repeat([]byte{0xff}, wire.MaxKeySize), Value: []byte{}},
			{Command: 255, Key: []byte{}, Value: []byte{0}, TTL: math.MinInt64},
		} {
			b, err := wire.AppendRequest([]byte("before"), &r)
			Expect(err).NotTo(HaveOccurred())
			got, n, err := wire.ParseRequest(append(b[len("before"):], "behind"...))
			Expect(err).NotTo(HaveOccurred())
			Expect(n).To(Equal(len(b) - len("before")))
			Expect(got).To(Equal(r))
		}
	})

	It("refuses a key that is too long for its header", func() {
		b, err := wire.AppendRequest([]byte("as it was"), &wire.Request{Key: make([]byte, wire.MaxKeySize+1)})
		Expect(err).To(MatchError("key is 65536 bytes, limit 65535"))
		Expect(string(b)).To(Equal("as it was"))
	})

	It("is not there before its last byte is", func() {
		request, _ := wire.AppendRequest(nil, &wire.Request{Command: wire.Set, Key: []byte("key"), Value: []byte("value")})
		for n := range request {
			_, size, err := wire.ParseRequest(request[:n])
			Expect(err).NotTo(HaveOccurred())
			Expect(size).To(BeZero(), "%d of %d bytes", n, len(request))
		}
		response := wire.AppendResponse(nil, wire.OK, []byte("value"))
		for n := range response {
			_, size, err := wire.ParseResponse(response[:n])
			Expect(err).NotTo(HaveOccurred())
			Expect(size).To(BeZero(), "%d of %d bytes", n, len(response))
		}
	})

	It("does not hand out slices that reach into the next frame", func() {
		frame, err := wire.AppendRequest(nil, &wire.Request{Command: wire.Set, Key: []byte("key"), Value: []byte("value")})
		Expect(err).NotTo(HaveOccurred())
		two := bytes.Repeat(frame, 2)
		r, n, err := wire.ParseRequest(two)
		Expect(err).NotTo(HaveOccurred())
		_ = append(r.Value, 'X')
		_ = append(r.Key, 'X')
		Expect(two[n:]).To(Equal(frame))
	})

	DescribeTable("names", func(name, want string) { Expect(name).To(Equal(want)) },
		Entry("a command", wire.GetDel.String(), "GETDEL"),
		Entry("an unknown command", wire.Command(77).String(), "command 77"),
		Entry("a status", wire.NotFound.String(), "not found"),
		Entry("the last status", wire.Status(wire.StatusKinds-1).String(), "busy"),
		Entry("the first unknown status", wire.Status(wire.StatusKinds).String(), "status 6"),
		Entry("an unknown status", wire.Status(77).String(), "status 77"),
	)

	It("is the same bytes in every golden file when encoded again", func() {
		for _, d := range dialogues() {
			for _, client := range []bool{true, false} {
				b, ok := d.Said(client)
				for ok && len(b) > 0 {
					n, again := parseAndEncode(b, client)
					if n == 0 {
						break
					}
					Expect(again).To(Equal(b[:n]), d.Name)
					b = b[n:]
				}
			}
		}
	})
})

func parseAndEncode(b []byte, request bool) (n int, again []byte) {
	if !request {
		r, n, err := wire.ParseResponse(b)
		if err != nil {
			return 0, nil
		}
		return n, wire.AppendResponse(nil, r.Status, r.Value)
	}
	r, n, err := wire.ParseRequest(b)
	if err != nil {
		return 0, nil
	}
	again, err = wire.AppendRequest(nil, &r)
	Expect(err).NotTo(HaveOccurred())
	return n, again
}

func dialogues() []testdata.Dialogue {
	GinkgoHelper()
	all, err := testdata.Dialogues()
	Expect(err).NotTo(HaveOccurred())
	return all
}

var _ = Describe("the limits of the protocol", func() {
	It("are those of its documentation", func() {
		Expect([]uint64{wire.MaxKeySize, wire.MaxWireValueSize, wire.MaxMessage, wire.MaxQuote}).To(Equal([]uint64{65535, 4294967295, 512, 48}))
	})
})
