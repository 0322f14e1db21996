package cli

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/keyspace"
)

// sealedElsewhere is an upstream whose values are sealed with keys that no spec has.
type sealedElsewhere struct{ keyspace.Upstream }

func (sealedElsewhere) Do(_ context.Context, rs []*keyspace.Request) {
	for _, r := range rs {
		r.Err = fmt.Errorf("%w: %w", keyspace.ErrNotFound, cryptomem.ErrNotAuthentic)
	}
}

var _ = Describe("A proxy with a wrong key file", func() {
	It("says that values do not open, once a minute at most, and how many", func() {
		clk, log := clock.NewMock(), new(bytes.Buffer)
		clk.Set(time.Unix(1_700_000_000, 0))
		u := &upstream{clock: clk, log: slog.New(slog.NewTextHandler(log, nil)), shown: "localhost:8080"}
		get := func(times int) {
			rs := make([]*keyspace.Request, times)
			for i := range rs {
				rs[i] = &keyspace.Request{Kind: keyspace.Get}
			}
			u.meter.Watch(sealedElsewhere{}, clk).Do(context.Background(), rs)
			log.Reset()
			u.warnOfUnopened()
		}
		const said = `level=WARN msg="values cannot be opened and count as missing: their key is not in the key file, or they were altered" values=%d upstream=localhost:8080`
		get(0)
		Expect(log.String()).To(BeEmpty())
		get(2)
		Expect(log.String()).To(ContainSubstring(said, 2))
		get(3)
		Expect(log.String()).To(BeEmpty())
		clk.Add(time.Minute)
		get(4)
		Expect(log.String()).To(ContainSubstring(said, 7))
		clk.Add(time.Minute)
		get(0)
		Expect(log.String()).To(BeEmpty())
	})
})
