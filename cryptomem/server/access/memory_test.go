package access_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cache"
	"github.com/Zezezknight/cryptomem/cryptomem"

	"github.com/Zezezknight/cryptomem/cryptomem/server"
	"github.com/Zezezknight/cryptomem/cryptomem/server/access"
	"github.com/Zezezknight/cryptomem/cryptomem/server/snapshot"
)

var _ = Describe("An identity's memory", func() {
	const big, small = 10_000, 100
	var file string
	var list *access.List
	var clk *clock.Mock
	var srv *server.Server
	rules := func(webMemory string) string {
		return `
web:    {tokens: ["` + access.HashToken("w") + `"], prefixes: [""], max_memory: ` + webMemory + `}
worker: {tokens: ["` + access.HashToken("k") + `"], prefixes: [""]}
`
	}
	start := func() {
		GinkgoHelper()
		var err error
		list, err = access.Load(file)
		Expect(err).NotTo(HaveOccurred())
		srv, err = server.New(server.Config{Authenticator: list, Clock: clk, MaxMemory: 64 << 20})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(srv.Close)
	}
	as := func(identity, token string) *cryptomem.Client {
		GinkgoHelper()
		c, err := cryptomem.Dial(context.Background(), "server",
			cryptomem.WithSecret([]byte("your-32-byte-very-secret-key-!!!")),
			cryptomem.WithAuth(identity, []byte(token)),
			cryptomem.WithClock(clk),
			cryptomem.WithDialer(func(context.Context, string) (net.Conn, error) {
				here, there := net.Pipe()
				go srv.ServeConn(there)
				return here, nil
			}),
		)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(c.Close)
		return c
	}
	memory := func(identity string) int64 {
		for _, u := range list.Use() {
			if u.Identity == identity {
				return u.Memory
			}
		}
		return -1
	}
	BeforeEach(func() {
		clk = clock.NewMock()
		clk.Set(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
		file = writeList(rules("12000B"))
		start()
	})

	It("is bounded by its limit, and no one else's", func() {
		web, worker := as("web", "w"), as("worker", "k")
		Expect(web.Set(context.Background(), "a", []byte(strings.Repeat("v", big)))).To(Succeed())
		Expect(memory("web")).To(And(BeNumerically(">", big), BeNumerically("<", big+200)))
		err := web.Set(context.Background(), "b", []byte(strings.Repeat("v", big)))
		Expect(err).To(MatchError(cryptomem.ErrFull))
		Expect(err).To(MatchError(MatchRegexp(`account limit reached: web would use \d+ bytes, limit 12000`)))
		Expect(web.Set(context.Background(), "b", []byte(strings.Repeat("v", 100_000)))).To(MatchError(cryptomem.ErrFull), "a large value, which was staged")
		Expect(web.Set(context.Background(), "c", []byte(strings.Repeat("v", small)))).To(Succeed())
		Expect(worker.Set(context.Background(), "b", []byte(strings.Repeat("v", big)))).To(Succeed())
		Expect(memory("worker")).To(BeNumerically(">", big))
		Expect(list.Use()[0]).To(And(HaveField("MaxMemory", BeEquivalentTo(12_000)), HaveField("MemoryRefused", BeEquivalentTo(2))))
	})

	It("is free again when items are deleted, expire, or become another's", func() {
		web, worker := as("web", "w"), as("worker", "k")
		Expect(web.Set(context.Background(), "a", []byte(strings.Repeat("v", big)))).To(Succeed())
		Expect(web.Delete(context.Background(), "a")).To(Succeed())
		Expect(memory("web")).To(BeZero())
		Expect(web.Set(context.Background(), "a", make([]byte, big), cryptomem.TTL(time.Minute))).To(Succeed())
		clk.Add(time.Minute + 8*time.Second) // and the eighth of it that the memory may take
		Eventually(func() int64 { return memory("web") }).Should(BeZero())
		Expect(web.Set(context.Background(), "a", []byte(strings.Repeat("v", big)))).To(Succeed())
		Expect(worker.Set(context.Background(), "a", []byte(strings.Repeat("v", big)))).To(Succeed())
		Expect(memory("web")).To(BeZero())
	})

	It("has the limit of the latest file, on open connections too", func() {
		web := as("web", "w")
		Expect(web.Set(context.Background(), "a", []byte(strings.Repeat("v", big)))).To(Succeed())
		Expect(os.WriteFile(file, []byte(rules("30000B")), 0o600)).To(Succeed())
		Expect(list.Reload(file)).To(Succeed())
		Expect(web.Set(context.Background(), "b", []byte(strings.Repeat("v", big)))).To(Succeed())
		Expect(web.Set(context.Background(), "c", []byte(strings.Repeat("v", big)))).To(MatchError(cryptomem.ErrFull))
	})

	It("stays charged to an identity that is missing for a while", func() {
		web := as("web", "w")
		Expect(web.Set(context.Background(), "a", []byte(strings.Repeat("v", big)))).To(Succeed())
		Expect(os.WriteFile(file, []byte("other: {certificates: [o], prefixes: ['']}"), 0o600)).To(Succeed())
		Expect(list.Reload(file)).To(Succeed())
		Expect(web.Set(context.Background(), "b", []byte(strings.Repeat("v", small)))).NotTo(Succeed())
		Expect(os.WriteFile(file, []byte(rules("12000B")), 0o600)).To(Succeed())
		Expect(list.Reload(file)).To(Succeed())
		Eventually(func() error { // the connection that was denied ends meanwhile
			return web.Set(context.Background(), "c", []byte(strings.Repeat("v", big)))
		}).Should(MatchError(cryptomem.ErrFull))
		Expect(web.Set(context.Background(), "c", []byte(strings.Repeat("v", small)))).To(Succeed())
	})

	It("leaves no row behind when identities come and go, or are too many and refused", func() {
		replace := func(from, to int) error {
			var b strings.Builder
			for i := from; i < to; i++ {
				fmt.Fprintf(&b, "i%d: {certificates: [c%d], prefixes: [p]}\n", i, i)
			}
			Expect(os.WriteFile(file, []byte(b.String()), 0o600)).To(Succeed())
			return list.Reload(file)
		}
		for i := range 60_000 { // rows of others, so that files need not be large
			if _, err := srv.Cache().Account(fmt.Sprint("other ", i)); err != nil {
				Fail(err.Error())
			}
		}
		Expect(replace(0, 2_000)).To(Succeed())
		Expect(replace(10_000, 16_000)).To(MatchError(cache.ErrTooManyAccounts))
		Expect(list.Len()).To(Equal(2_000), "all stay")
		Expect(replace(20_000, 22_500)).To(Succeed(), "there is room for both, and not for the refused too")
		Expect(replace(30_000, 32_500)).To(Succeed(), "nor for those before them")
		Expect(list.Len()).To(Equal(2_500))
	})

	It("is remembered by a snapshot", func() {
		Expect(as("web", "w").Set(context.Background(), "a", []byte(strings.Repeat("v", big)))).To(Succeed())
		Expect(as("worker", "k").Set(context.Background(), "b", []byte(strings.Repeat("v", small)))).To(Succeed())
		path := filepath.Join(GinkgoT().TempDir(), "snapshot")
		_, err := snapshot.Save(context.Background(), path, srv.Cache(), clk)
		Expect(err).NotTo(HaveOccurred())
		before := list.Use()
		start()
		_, err = snapshot.Load(context.Background(), path, srv.Cache(), clk)
		Expect(err).NotTo(HaveOccurred())
		for i, u := range list.Use() {
			Expect(u.Memory).To(Equal(before[i].Memory), u.Identity)
		}
		Expect(as("web", "w").Set(context.Background(), "c", []byte(strings.Repeat("v", big)))).To(MatchError(cryptomem.ErrFull))
	})
})
