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

	It("serves all its clients the same items, and time moves when the test says so", func() {
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
