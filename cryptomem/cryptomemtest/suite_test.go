package cryptomemtest_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/cryptomemtest"
	_ "github.com/Zezezknight/cryptomem/testdata/deadline"
)

func TestCryptomemtest(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "cryptomemtest")
}

// A server made in a bubble lives there, as do its clients: nothing of them is left
// for the next bubble, in which it would be a fatal error.
func TestInABubble(t *testing.T) {
	for range 2 {
		synctest.Test(t, func(t *testing.T) {
			RegisterTestingT(t)
			server := cryptomemtest.NewServer(t)
			client := server.Client()

			version := byte('0')
			load := func(context.Context) ([]byte, error) { version++; return []byte{version}, nil }
			get := func() []byte {
				value, err := client.GetOrLoad(t.Context(), "k", load, cryptomem.TTL(time.Minute), cryptomem.Stale(time.Hour))
				Expect(err).NotTo(HaveOccurred())
				return value
			}
			Expect(get()).To(Equal([]byte("1")))
			server.Advance(2 * time.Minute)
			Expect(get()).To(Equal([]byte("1")), "which is stale, and loaded anew in the background")
			synctest.Wait() // until that is done
			Expect(get()).To(Equal([]byte("2")))

			server.Delay(time.Hour)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			Expect(client.Ping(ctx)).To(MatchError(context.DeadlineExceeded)) // by the bubble's time
		})
	}
}
