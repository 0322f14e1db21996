package httpcachedriver_test

import (
	"log/slog"
	"net/url"
	"testing"
	"time"

	"github.com/bartventer/httpcache/store/acceptance"
	"github.com/bartventer/httpcache/store/driver"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/adapter"
	"github.com/Zezezknight/cryptomem/cryptomem/cryptomemtest"
	"github.com/Zezezknight/cryptomem/cryptomem/httpcachedriver"
	"github.com/Zezezknight/cryptomem/testdata/plain"
)

var _ = It("does what httpcache itself asks of a cache", func() {
	plain.Test("acceptance", func(t *testing.T) {
		acceptance.Run(t, acceptance.FactoryFunc(func() (driver.Conn, func()) {
			conn, err := httpcachedriver.New(cryptomemtest.NewServer(t).Client()).Open(&url.URL{Scheme: "cryptomem"})
			if err != nil {
				t.Fatal(err)
			}
			return conn, func() {}
		}))
	})
})

var _ = Describe("Driver", func() {
	var (
		server *cryptomemtest.Server
		quiet  = adapter.WithLogger(slog.New(slog.DiscardHandler))
	)

	BeforeEach(func() { server = cryptomemtest.NewServer(GinkgoTB()) })

	open := func(d *httpcachedriver.Driver, address string) *httpcachedriver.Conn {
		GinkgoHelper()
		u, err := url.Parse(address)
		Expect(err).NotTo(HaveOccurred())
		conn, err := d.Open(u)
		Expect(err).NotTo(HaveOccurred())
		return conn.(*httpcachedriver.Conn)
	}

	It("keeps the answers of one user from another", func() {
		d := httpcachedriver.New(server.Client())
		ada, bob, all := open(d, "cryptomem://ada"), open(d, "cryptomem://bob"), open(d, "cryptomem://")
		Expect(ada.Set("/account", []byte("Ada's"))).To(Succeed())
		for _, other := range []*httpcachedriver.Conn{bob, all} {
			_, err := other.Get("/account")
			Expect(err).To(MatchError(driver.ErrNotExist))
		}
		Expect(open(d, "cryptomem://ada").Get("/account")).To(Equal([]byte("Ada's")))
	})

	It("refuses an address that says more than it heeds", func() {
		for _, address := range []string{"cryptomem://ada?ttl=1h", "cryptomem://user:secret@ada"} {
			u, err := url.Parse(address)
			Expect(err).NotTo(HaveOccurred())
			_, err = httpcachedriver.New(server.Client()).Open(u)
			Expect(err).To(HaveOccurred())
			Expect(err.Error()).NotTo(ContainSubstring("secret"))
		}
	})

	It("forgets answers when their time is over", func() {
		conn := open(httpcachedriver.New(server.Client(), adapter.WithTTL(time.Hour)), "cryptomem://")
		Expect(conn.Set("url", []byte("answer"))).To(Succeed())
		server.Advance(time.Hour)
		_, err := conn.Get("url")
		Expect(err).To(MatchError(driver.ErrNotExist))
	})

	It("returns no answer that it was told to replace or delete, and could not", func() {
		conn := open(httpcachedriver.New(server.Client(cryptomem.WithMaxValueSize(1000))), "cryptomem://")
		Expect(conn.Set("large", []byte("old"))).To(Succeed())
		Expect(conn.Set("large", make([]byte, 1001))).To(MatchError(cryptomem.ErrTooLarge))
		Expect(conn.Set("deleted", []byte("old"))).To(Succeed())
		server.Down()
		Expect(conn.Delete("deleted")).NotTo(Or(Succeed(), MatchError(driver.ErrNotExist)))
		server.Up()
		for _, key := range []string{"large", "deleted"} {
			_, err := conn.Get(key)
			Expect(err).To(MatchError(driver.ErrNotExist), key)
		}
	})

	It("does not find an answer whose key is gone, and counts it", func() {
		Expect(open(httpcachedriver.New(server.Client()), "cryptomem://").Set("url", []byte("answer"))).To(Succeed())
		conn := open(httpcachedriver.New(server.Client(cryptomem.WithSecret([]byte("another secret, of 32 bytes too!"))), quiet), "cryptomem://")
		_, err := conn.Get("url")
		Expect(err).To(MatchError(driver.ErrNotExist))
		Expect(conn.Unopened()).To(BeEquivalentTo(1))
	})
})
