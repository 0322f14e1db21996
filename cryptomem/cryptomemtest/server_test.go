package cryptomemtest_test

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gleak"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/cryptomemtest"
)

var _ = Describe("Server", func() {
	ctx := context.Background()

	BeforeEach(func() {
		before := gleak.Goroutines()
		DeferCleanup(func() { Eventually(gleak.Goroutines).ShouldNot(gleak.HaveLeaked(before)) })
	})

	It("serves all its clients the same items, and its clock moves when the test says so", func() {
		server := cryptomemtest.NewServer(GinkgoTB())
		one, two := server.Client(), server.Client(cryptomem.WithDefaultTTL(time.Hour))
		Expect(two.Set(context.Background(), "k", []byte("v"))).To(Succeed())
		Expect(server.Items()).To(Equal(1))
		server.Advance(time.Hour - 1)
		Expect(one.Get(context.Background(), "k")).To(Equal([]byte("v")))
		server.Advance(1)
		_, err := one.Get(context.Background(), "k")
		Expect(err).To(MatchError(cryptomem.ErrNotFound))
	})

	It("can be down for a while", func() {
		server := cryptomemtest.NewServer(GinkgoTB())
		c := server.Client()
		Expect(c.Set(context.Background(), "k", []byte("v"))).To(Succeed())
		server.Down()
		Expect(c.Ping(ctx)).NotTo(Succeed())
		Expect(c.Ping(ctx)).NotTo(Succeed())
		server.Up()
		Expect(c.Get(context.Background(), "k")).To(Equal([]byte("v")))
	})
})

var _ = Describe("Faults", func() {
	var (
		ctx    = context.Background()
		server *cryptomemtest.Server
		client *cryptomem.Client
	)
	BeforeEach(func() {
		server = cryptomemtest.NewServer(GinkgoTB())
		client = server.Client(cryptomem.WithAttempts(2))
	})

	It("can delay answers until the test advances the clock", func() {
		server.Delay(time.Second)
		ended := make(chan error, 2)
		for _, key := range []string{"a", "b"} {
			go func() { ended <- client.Set(ctx, key, nil) }()
		}
		Eventually(server.Items).Should(Equal(2))
		Expect(ended).NotTo(Receive())
		Eventually(func() int { server.Advance(time.Second); return len(ended) }).Should(Equal(2))
		Expect(<-ended).To(Succeed())
		Expect(<-ended).To(Succeed())

		ending, cancel := context.WithCancel(ctx)
		go func() { _, err := client.Get(ending, "a"); ended <- err }()
		cancel()
		Expect(<-ended).To(MatchError(context.Canceled))
	})

	It("can refuse as many requests as the test says", func() {
		server.Busy(2)
		Expect(client.Set(ctx, "a", nil)).To(MatchError(cryptomem.ErrBusy))
		b := client.Batch()
		b.Set("a", nil)
		b.Get("a")
		b.Set("b", nil)
		results := b.Run(ctx)
		Expect(results[0].Err).To(MatchError(cryptomem.ErrBusy))
		Expect(results[1].Err).To(MatchError(cryptomem.ErrNotFound))
		Expect(results[2].Err).NotTo(HaveOccurred())
	})

	It("can lose the answers of requests that were executed", func() {
		Expect(client.Set(ctx, "a", []byte("1"))).To(Succeed())
		server.LoseAnswers(1)
		Expect(client.Set(ctx, "a", []byte("2"))).To(MatchError(cryptomem.ErrMaybeApplied))
		Expect(client.Get(ctx, "a")).To(Equal([]byte("2")))
		server.LoseAnswers(1)
		Expect(client.Get(ctx, "a")).To(Equal([]byte("2")), "which is asked once more")
		server.LoseAnswers(2)
		_, err := client.Get(ctx, "a")
		Expect(err).To(MatchError(cryptomem.ErrUnavailable))
	})
})

// In a test, tb is its *testing.T.
func ExampleNewServer() {
	tb, end := exampleTB()
	defer end()
	server := cryptomemtest.NewServer(tb)
	c := server.Client(cryptomem.WithDefaultTTL(30 * time.Minute))

	fmt.Println(c.Set(context.Background(), "session", []byte("active")))
	server.Advance(30 * time.Minute)
	_, err := c.Get(context.Background(), "session")
	fmt.Println(err)
	// Output:
	// <nil>
	// not found
}

// exampleTB stands for the *testing.T that an example does not have.
func exampleTB() (cryptomemtest.TB, func()) {
	tb := new(cleanups)
	return tb, func() {
		for i := len(*tb) - 1; i >= 0; i-- {
			(*tb)[i]()
		}
	}
}

type cleanups []func()

func (c *cleanups) Helper()                   {}
func (c *cleanups) Cleanup(f func())          { *c = append(*c, f) }
func (c *cleanups) Fatalf(f string, a ...any) { panic(fmt.Sprintf(f, a...)) }
