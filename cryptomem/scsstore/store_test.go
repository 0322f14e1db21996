package scsstore_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"time"

	"github.com/alexedwards/scs/v2"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/adapter"
	"github.com/Zezezknight/cryptomem/cryptomem/cryptomemtest"
	"github.com/Zezezknight/cryptomem/cryptomem/scsstore"
)

var (
	_ scs.CtxStore         = (*scsstore.Store)(nil)
	_ scs.IterableCtxStore = (*scsstore.Store)(nil)
	_ scs.IterableStore    = (*scsstore.Store)(nil)
)

var _ = Describe("Store", func() {
	var (
		server *cryptomemtest.Server
		store  *scsstore.Store
	)

	BeforeEach(func() {
		server = cryptomemtest.NewServer(GinkgoTB())
		store = scsstore.New(server.Client())
		scsstore.SetClock(store, server.Clock)
	})

	find := func(token string) []byte {
		GinkgoHelper()
		b, found, err := store.Find(token)
		Expect(err).NotTo(HaveOccurred())
		Expect(found).To(Equal(b != nil))
		return b
	}

	It("finds what was committed until it expires", func() {
		Expect(store.Commit("token", []byte("session"), server.Clock.Now().Add(time.Hour))).To(Succeed())
		Expect(find("token")).To(Equal([]byte("session")))
		server.Advance(time.Hour)
		Expect(find("token")).To(BeNil())
	})

	It("forgets what was deleted, and ignores what does not exist", func() {
		Expect(store.Commit("token", []byte("session"), server.Clock.Now().Add(time.Hour))).To(Succeed())
		Expect(store.Delete("token")).To(Succeed())
		Expect(store.Delete("token")).To(Succeed())
		Expect(find("token")).To(BeNil())
	})

	It("removes a session that is committed with an expiry in the past", func() {
		Expect(store.Commit("token", []byte("session"), server.Clock.Now().Add(time.Hour))).To(Succeed())
		Expect(store.Commit("token", []byte("session"), server.Clock.Now())).To(Succeed())
		Expect(find("token")).To(BeNil())
	})

	It("tells a store that fails from a session that is not there", func() {
		server.Down()
		_, found, err := store.Find("token")
		Expect(err).To(HaveOccurred())
		Expect(found).To(BeFalse())
	})

	It("commits and logs out though the visitor has gone", func() {
		gone, cancel := context.WithCancel(context.Background())
		cancel()
		Expect(store.CommitCtx(gone, "token", []byte("session"), server.Clock.Now().Add(time.Hour))).To(Succeed())
		Expect(find("token")).To(Equal([]byte("session")))
		Expect(store.DeleteCtx(gone, "token")).To(Succeed())
		Expect(find("token")).To(BeNil())
		_, _, err := store.FindCtx(gone, "token")
		Expect(err).To(MatchError(context.Canceled), "what nobody waits for is not looked up")
	})

	It("does not find a session whose key is gone, counts it, and lets its visitor log in", func() {
		Expect(store.Commit("token", []byte("session"), server.Clock.Now().Add(time.Hour))).To(Succeed())

		var told []error
		other := scsstore.New(server.Client(cryptomem.WithSecret([]byte("another secret, of 32 bytes too!"))),
			adapter.WithLogger(slog.New(slog.DiscardHandler)),
			adapter.WithErrorHandler(func(err error) { told = append(told, err) }))
		scsstore.SetClock(other, server.Clock)
		_, found, err := other.Find("token")
		Expect(err).NotTo(HaveOccurred())
		Expect(found).To(BeFalse())
		Expect(other.Unopened()).To(BeEquivalentTo(1))
		Expect(told).To(ConsistOf(MatchError(cryptomem.ErrNotAuthentic)))

		Expect(other.Commit("token", []byte("a new one"), server.Clock.Now().Add(time.Hour))).To(Succeed())
		b, found, err := other.Find("token")
		Expect(err).NotTo(HaveOccurred())
		Expect(found).To(BeTrue())
		Expect(b).To(Equal([]byte("a new one")))
	})

	It("says that sessions cannot be listed, also through scs", func() {
		_, err := store.All()
		Expect(err).To(MatchError(cryptomem.ErrNotSupported))
		sessions := scs.New()
		sessions.Store = store
		err = sessions.Iterate(context.Background(), func(context.Context) error { return nil })
		Expect(err).To(MatchError(cryptomem.ErrNotSupported))
	})

	It("carries a visitor's session from request to request", func() {
		sessions := scs.New()
		sessions.Store = scsstore.New(server.Client()) // whose time, the year 2030, is not scs's
		mux := http.NewServeMux()
		mux.HandleFunc("/login", func(_ http.ResponseWriter, r *http.Request) {
			sessions.Put(r.Context(), "name", "Ada")
		})
		mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write([]byte("hello " + sessions.GetString(r.Context(), "name")))
		})
		site := httptest.NewServer(sessions.LoadAndSave(mux))
		defer site.Close()
		jar, err := cookiejar.New(nil)
		Expect(err).NotTo(HaveOccurred())
		browser := &http.Client{Jar: jar}
		for _, path := range []string{"/login", "/"} {
			answer, err := browser.Get(site.URL + path)
			Expect(err).NotTo(HaveOccurred())
			if path == "/" {
				Expect(answer).To(HaveHTTPBody("hello Ada"))
			}
			Expect(answer.Body.Close()).To(Succeed())
		}
	})
})
