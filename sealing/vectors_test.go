package sealing_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/bits"
	"strconv"
	"time"
	"unicode/utf8"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/sealing"
	"github.com/Zezezknight/cryptomem/testdata"
)

// vector is one of the golden envelopes.
type vector struct{ testdata.Vector }

// readVectors returns those that are sealed and opened, that open by a hair, and that
// are refused.
func readVectors() (v struct{ Accepted, Edges, Refused []vector }) {
	golden, err := testdata.Envelopes()
	if err != nil {
		panic(err) // there are no specs without them
	}
	all := func(vs []testdata.Vector) (all []vector) {
		for _, v := range vs {
			all = append(all, vector{v})
		}
		return all
	}
	v.Accepted, v.Edges, v.Refused = all(golden.Accepted), all(golden.Edges), all(golden.Refused)
	return v
}

var vectors = readVectors()

func (v vector) keyring() *sealing.Keyring {
	GinkgoHelper()
	id, err := sealing.ParseKeyID(v.KeyID)
	Expect(err).NotTo(HaveOccurred())
	kr := keyring(v.Secret)
	if kr.Keys()[0].ID == id {
		return kr // which can make blind names too
	}
	kr = &sealing.Keyring{}
	Expect(kr.AddWithID(id, v.Secret)).To(Succeed())
	return kr
}

func (v vector) sealer(opts ...sealing.Option) *sealing.Sealer {
	GinkgoHelper()
	return sealer(v.keyring(), append(v.options(), opts...)...)
}

func (v vector) options() []sealing.Option {
	opts := []sealing.Option{
		sealing.WithNamespace(string(v.Namespace)),
		sealing.WithSkew(time.Duration(v.SkewMS) * time.Millisecond),
		sealing.WithClockBound(time.Duration(v.ClockBoundMS) * time.Millisecond),
	}
	if v.NotBeforeMS != 0 {
		opts = append(opts, sealing.WithNotBefore(time.UnixMilli(v.NotBeforeMS)))
	}
	if v.StampedOnly {
		opts = append(opts, sealing.WithStampedOnly())
	}
	return opts
}

func (v vector) stamp() sealing.Stamp {
	GinkgoHelper()
	stamp, err := strconv.ParseUint(v.Stamp, 16, 64)
	Expect(err).NotTo(HaveOccurred())
	return sealing.Stamp(stamp)
}

func (v vector) expiry() time.Time {
	if v.ExpiryMS == 0 {
		return never
	}
	return time.UnixMilli(v.ExpiryMS)
}

var _ = Describe("The golden vectors", func() {
	It("are there", func() {
		Expect(vectors.Accepted).NotTo(BeEmpty())
		Expect(vectors.Refused).NotTo(BeEmpty())
	})

	for _, v := range vectors.Accepted {
		It("seal to their very bytes: "+v.Title, Label("fips"), func() {
			opts := []sealing.Option{sealing.WithRandom(bytes.NewReader(v.Nonce))}
			if v.Padded {
				opts = append(opts, sealing.WithPadding())
			}
			s := v.sealer(opts...)
			envelope, err := s.Seal(nil, v.Name, v.Value, v.expiry(), v.stamp())
			Expect(err).NotTo(HaveOccurred())
			Expect(hex.EncodeToString(envelope)).To(Equal(hex.EncodeToString(v.Envelope)))
			Expect(s.AppendWireName(nil, v.Name)).To(BeEquivalentTo(v.WireName))
		})

		It("open: "+v.Title, Label("fips", "fips-only"), func() {
			value, err := v.sealer().Open(nil, v.Name, v.Envelope, now)
			Expect(err).NotTo(HaveOccurred())
			Expect(hex.EncodeToString(value)).To(Equal(hex.EncodeToString(v.Value)))
		})

		It("open no more with any bit flipped: "+v.Title, func() {
			s := v.sealer()
			for bit := range len(v.Envelope) * 8 {
				forged := bytes.Clone(v.Envelope)
				forged[bit/8] ^= 1 << (bit % 8)
				expectRefused(s, v.Name, forged, fmt.Sprintf("bit %d", bit))
			}
		})

		It("open no more with any bit of the name flipped: "+v.Title, func() {
			s := v.sealer()
			for bit := range len(v.Name) * 8 {
				name := bytes.Clone(v.Name)
				name[bit/8] ^= 1 << (bit % 8)
				expectRefused(s, name, v.Envelope, fmt.Sprintf("bit %d", bit))
			}
		})

		It("open no more cut anywhere, or longer by any byte: "+v.Title, func() {
			s := v.sealer()
			for n := range v.Envelope {
				expectRefused(s, v.Name, v.Envelope[:n], fmt.Sprintf("first %d bytes", n))
				expectRefused(s, v.Name, v.Envelope[n+1:], fmt.Sprintf("without the first %d bytes", n+1))
			}
			for c := range 256 {
				expectRefused(s, v.Name, append(bytes.Clone(v.Envelope), byte(c)), fmt.Sprintf("and byte %d", c))
			}
		})
	}

	It("open under no other name, namespace or key", func() {
		for i, v := range vectors.Accepted {
			for j, w := range vectors.Accepted {
				same := bytes.Equal(v.Name, w.Name) && bytes.Equal(v.Namespace, w.Namespace) &&
					bytes.Equal(v.Secret, w.Secret) && v.KeyID == w.KeyID
				if !same {
					expectRefused(v.sealer(), v.Name, w.Envelope, fmt.Sprintf("vector %d as %d", j, i))
				}
			}
		}
	})

	It("open no part of one joined to a part of another", func() {
		for _, pair := range [][2]int{{0, 4}, {18, 22}} {
			expectNoneJoined(vectors.Accepted[pair[0]], vectors.Accepted[pair[1]])
		}
	})

	It("tell their version, their sealing time and their key in the clear", func() {
		for _, v := range vectors.Accepted {
			h, err := sealing.ParseHeader(v.Envelope)
			Expect(err).NotTo(HaveOccurred())
			Expect([]byte{h.Version}).To(BeEquivalentTo(v.Version), v.Title)
			Expect(h.Stamp).To(Equal(v.stamp()), v.Title)
			Expect(h.Padded).To(Equal(v.Padded), v.Title)
			Expect(fmt.Sprintf("%08x", h.KeyID)).To(Equal(v.KeyID), v.Title)
			Expect(len(v.Envelope)).To(BeNumerically("<=", 62+max(len(v.Value)*9/8, 32)))
		}
	})

	for _, v := range vectors.Edges {
		It("open by a hair: "+v.Title, Label("fips", "fips-only"), func() {
			Expect(v.sealer().Open(nil, v.Name, v.Envelope, time.UnixMilli(v.NowMS))).To(BeEquivalentTo(v.Value))
		})
	}

	It("tell their expiry", func() {
		for _, v := range vectors.Accepted {
			Expect(sealing.Expiry(v.Envelope)).To(BeTemporally("==", v.expiry()), v.Title)
		}
		_, err := sealing.Expiry(vectors.Accepted[0].Envelope[:53])
		Expect(err).To(MatchError(sealing.ErrMalformed))
	})

	It("open, seal and make names with keys derived for their namespace alone", Label("fips"), func() {
		for _, v := range vectors.Accepted {
			if len(v.Namespace) == 0 || !utf8.Valid(v.Namespace) {
				continue
			}
			file := fmt.Sprintf(`{"version":1,"namespace":%q,"primary":%q,"name_key":%q,"keys":[{"id":%[2]q,"state":"enabled","data_key":%[4]q}]}`,
				string(v.Namespace), v.KeyID, base64.StdEncoding.EncodeToString(v.NameKey), base64.StdEncoding.EncodeToString(v.DataKey))
			kr, err := sealing.ParseKeyFile([]byte(file))
			Expect(err).NotTo(HaveOccurred())
			opts := []sealing.Option{sealing.WithRandom(bytes.NewReader(v.Nonce)), sealing.WithBlindNames()}
			if v.Padded {
				opts = append(opts, sealing.WithPadding())
			}
			s := sealer(kr, opts...)
			Expect(s.Open(nil, v.Name, v.Envelope, now)).To(BeEquivalentTo(v.Value), v.Title)
			Expect(s.Seal(nil, v.Name, v.Value, v.expiry(), v.stamp())).To(BeEquivalentTo(v.Envelope), v.Title)
			Expect(s.AppendWireName(nil, v.Name)).To(BeEquivalentTo(v.BlindName), v.Title)
		}
	})

	It("make blind names", Label("fips", "fips-only"), func() {
		for _, v := range vectors.Accepted {
			if v.KeyID == "00000007" {
				continue // a key of that kind comes without a name root
			}
			s := sealer(v.keyring(), sealing.WithNamespace(string(v.Namespace)), sealing.WithBlindNames())
			Expect(s.AppendWireName(nil, v.Name)).To(BeEquivalentTo(v.BlindName), v.Title)
		}
	})

	classes := map[string]error{
		"malformed":     sealing.ErrMalformed,
		"unknown key":   sealing.ErrUnknownKey,
		"not authentic": sealing.ErrNotAuthentic,
		"expired":       sealing.ErrExpired,
		"stale":         sealing.ErrStale,
	}
	for _, v := range vectors.Refused {
		It(fmt.Sprintf("are refused as %s: %s", v.Error, v.Title), Label("fips", "fips-only"), func() {
			Expect(classes).To(HaveKey(v.Error))
			value, err := v.sealer().Open([]byte("ahead"), v.Name, v.Envelope, time.UnixMilli(v.NowMS))
			for class, sentinel := range classes {
				if class == v.Error {
					Expect(err).To(MatchError(sentinel))
				} else {
					Expect(err).NotTo(MatchError(sentinel))
				}
			}
			Expect(value).To(Equal([]byte("ahead")))
		})
	}

	It("leave nothing of a refused value in the caller's buffer", func() {
		for _, v := range vectors.Refused {
			buf := make([]byte, 0, 500)
			_, err := v.sealer().Open(buf, v.Name, v.Envelope, time.UnixMilli(v.NowMS))
			Expect(err).To(HaveOccurred())
			Expect(string(buf[:cap(buf)])).NotTo(ContainSubstring("hello"), v.Title)
		}
	})
})

// expectRefused is quicker than the matchers that it stands in for a hundred
// thousand times.
func expectRefused(s *sealing.Sealer, name, envelope []byte, what string) {
	GinkgoHelper()
	if value, err := s.Open(nil, name, envelope, now); err == nil || len(value) != 0 {
		Fail(what + " opened")
	}
}

// expectNoneJoined tries every part of one envelope with the rest of another of
// the same name, key and length.
func expectNoneJoined(a, b vector) {
	GinkgoHelper()
	Expect(a.Name).To(Equal(b.Name))
	Expect(a.Secret).To(Equal(b.Secret))
	Expect(a.Envelope).To(HaveLen(len(b.Envelope)))
	s := a.sealer()
	for cut := 1; cut < len(a.Envelope); cut++ {
		for _, e := range [][]byte{
			append(bytes.Clone(a.Envelope[:cut]), b.Envelope[cut:]...),
			append(bytes.Clone(b.Envelope[:cut]), a.Envelope[cut:]...),
		} {
			if !bytes.Equal(e, a.Envelope) && !bytes.Equal(e, b.Envelope) {
				expectRefused(s, a.Name, e, fmt.Sprintf("joined at %d", cut))
			}
		}
	}
}

var _ = Describe("An envelope", func() {
	It("tells nothing of its value's bits", func() {
		s := sealer(keyring(secret))
		ones, total := 0, 0
		for range 1000 {
			envelope, err := s.Seal(nil, []byte("name"), make([]byte, 64), never, stamp)
			Expect(err).NotTo(HaveOccurred())
			for _, b := range envelope[46:] {
				ones += bits.OnesCount8(b)
			}
			total += 8 * (len(envelope) - 46)
		}
		Expect(float64(ones) / float64(total)).To(BeNumerically("~", 0.5, 0.01))
	})
})
