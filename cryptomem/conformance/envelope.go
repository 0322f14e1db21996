package conformance

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/Zezezknight/cryptomem/sealing"
	"github.com/Zezezknight/cryptomem/testdata"
)

// OfEnvelopes returns the suite that holds an implementation of envelopes to
// docs/sealing.md: the golden vectors of both versions, what is forged of them, and
// values sealed by one side and opened by the other.
func OfEnvelopes(i Implementation) *Suite {
	s := newSpeaker(i)
	suite := &Suite{clock: i.Clock, begin: s.listen, end: s.stop}
	v, err := testdata.Envelopes()
	if err != nil {
		// they are part of the binary
		panic(err)
	}
	add := func(name, rule string, try func(context.Context) error) {
		suite.cases = append(suite.cases, boundCase{Case{name, rule}, try})
	}
	for _, v := range v.Accepted {
		add("seal/"+slug(v.Title), "Encrypt. Nonce, ciphertext and tag follow the header.", func(ctx context.Context) error {
			return s.ask(ctx, sealLine(v, true)).is(v.Envelope)
		})
	}
	for _, v := range append(v.Accepted, v.Edges...) {
		add("open/"+slug(v.Title), openRule, func(ctx context.Context) error { return s.mustOpen(ctx, v) })
	}
	for _, v := range v.Refused {
		add(slug(v.Error)+"/"+slug(v.Title), refusalRule(v), func(ctx context.Context) error {
			return s.ask(ctx, openLine(v)).isRefused(v.Error)
		})
	}
	for _, v := range v.Accepted {
		// the same names as the others'
		if v.KeyID == derivedID(v) && v.Version[0] == sealing.VersionUnstamped {
			add("name/"+slug(v.Title), nameRule, func(ctx context.Context) error { return s.names(ctx, v) })
		}
	}
	for _, c := range crossCases(s, v) {
		add(c.name, c.rule, c.try)
	}
	return suite
}

const (
	openRule = "Associated data is the header, then the name: the key that the user gave, without namespace, before any blinding."
	nameRule = "The server sees as the key prefixed(ns), if there is a namespace, and then the name. Instead of the name, a client with blind names sends the first 16 bytes of HMAC-SHA256 of the name under the blind-name key."
)

// refusalRule is why a vector is refused.
func refusalRule(v testdata.Vector) string {
	if v.Error == "malformed" && strings.HasPrefix(v.Title, "padded") {
		return "If padded, the padding is not what sealing makes: malformed."
	}
	return map[string]string{
		"malformed":     "Shorter than the overhead of its version, another version, an unknown flag, a sealing time of 0: malformed.",
		"unknown key":   "No enabled key of that id: unknown key.",
		"not authentic": "The tag does not verify, for this name, in this namespace: not authentic.",
		"expired":       "The expiry is not 0, and the time in milliseconds, rounded down, is at or after expiry + skew (which does not wrap): expired.",
		"stale":         "Here bound is how much clocks may differ, 5 s by default, and a cut is in force once the time has reached cut + bound.",
	}[v.Error]
}

// slug is a title as part of a case's name.
func slug(title string) string {
	words := strings.FieldsFunc(strings.ReplaceAll(strings.ToLower(title), "é", "e"), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
	return strings.Join(words, "-")
}

// sealLine asks to seal what is in a vector, and unless nonce is false with its
// nonce.
func sealLine(v testdata.Vector, nonce bool) string {
	line := fmt.Sprintf("seal secret=%x key_id=%s namespace=%x name=%x value=%x expiry_ms=%d stamp=%s padded=%d",
		[]byte(v.Secret), v.KeyID, []byte(v.Namespace), []byte(v.Name), []byte(v.Value), v.ExpiryMS, v.Stamp, bit(v.Padded))
	if nonce {
		line += fmt.Sprintf(" nonce=%x", []byte(v.Nonce))
	}
	return line
}

// openLine asks to open what is in a vector.
func openLine(v testdata.Vector) string {
	now := v.NowMS
	if now == 0 {
		now = testdata.VectorsNow
	}
	return fmt.Sprintf("open secret=%x key_id=%s namespace=%x name=%x envelope=%x now_ms=%d skew_ms=%d clock_bound_ms=%d not_before_ms=%d stamped_only=%d",
		[]byte(v.Secret), v.KeyID, []byte(v.Namespace), []byte(v.Name), []byte(v.Envelope), now, v.SkewMS, v.ClockBoundMS, v.NotBeforeMS, bit(v.StampedOnly))
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// mustOpen has an implementation open a vector.
func (s *speaker) mustOpen(ctx context.Context, v testdata.Vector) error {
	return s.ask(ctx, openLine(v)).opens(v.Value)
}

// names asks for both of a vector's names on the wire.
func (s *speaker) names(ctx context.Context, v testdata.Vector) error {
	for blind, want := range []testdata.Hex{v.WireName, v.BlindName} {
		line := fmt.Sprintf("name secret=%x namespace=%x name=%x blind=%d", []byte(v.Secret), []byte(v.Namespace), []byte(v.Name), blind)
		if err := s.ask(ctx, line).is(want); err != nil {
			return err
		}
	}
	return nil
}

// derivedID is the id that the vector's key gets by itself.
func derivedID(v testdata.Vector) string {
	kr, err := sealing.KeyringFromSecret(v.Secret)
	if err != nil {
		return ""
	}
	defer kr.Close() //nolint:errcheck // always nil
	return fmt.Sprintf("%08x", kr.Keys()[0].ID)
}

// ours returns this module's own sealer with a vector's key and namespace, for a
// reader whose settings are the vector's.
func ours(v testdata.Vector) (*sealing.Sealer, error) {
	id, err := sealing.ParseKeyID(v.KeyID)
	if err != nil {
		return nil, err
	}
	kr := new(sealing.Keyring)
	if err := kr.AddWithID(id, v.Secret); err != nil {
		return nil, err
	}
	defer kr.Close() //nolint:errcheck // always nil
	opts := []sealing.Option{
		sealing.WithNamespace(string(v.Namespace)),
		sealing.WithSkew(time.Duration(v.SkewMS) * time.Millisecond),
		sealing.WithClockBound(time.Duration(v.ClockBoundMS) * time.Millisecond),
	}
	if v.Padded {
		opts = append(opts, sealing.WithPadding())
	}
	return sealing.New(kr, opts...)
}

// ourEnvelope seals a vector's value.
func ourEnvelope(v testdata.Vector) ([]byte, error) {
	s, err := ours(v)
	if err != nil {
		return nil, err
	}
	defer s.Close() //nolint:errcheck // always nil
	stamp, err := strconv.ParseUint(v.Stamp, 16, 64)
	if err != nil {
		return nil, err
	}
	expiry := time.Time{}
	if v.ExpiryMS > 0 {
		expiry = time.UnixMilli(v.ExpiryMS)
	}
	return s.Seal(nil, v.Name, v.Value, expiry, sealing.Stamp(stamp))
}

// opensForUs demands that a vector's envelope opens to its value.
func opensForUs(v testdata.Vector) error {
	s, err := ours(v)
	if err != nil {
		return err
	}
	defer s.Close() //nolint:errcheck // always nil
	value, err := s.Open(nil, v.Name, v.Envelope, time.UnixMilli(testdata.VectorsNow))
	if err != nil {
		return fmt.Errorf("what it sealed does not open: %w", err)
	}
	if err := (reply{value: value}).is(v.Value); err != nil {
		return err
	}
	h, err := sealing.ParseHeader(v.Envelope)
	switch stamp := fmt.Sprintf("%016x", uint64(h.Stamp)); {
	case err != nil:
		return err
	case stamp != v.Stamp:
		return fmt.Errorf("the sealing time is %s, not %s", stamp, v.Stamp)
	case h.Padded != v.Padded:
		return fmt.Errorf("padded is %v, not %v", h.Padded, v.Padded)
	case v.ExpiryMS == 0 && !h.Expiry().IsZero(), v.ExpiryMS > 0 && h.Expiry().UnixMilli() != v.ExpiryMS:
		return fmt.Errorf("the expiry is %v, not %d ms", h.Expiry(), v.ExpiryMS)
	}
	return nil
}
