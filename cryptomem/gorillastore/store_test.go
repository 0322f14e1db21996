package gorillastore_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/gorilla/sessions"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/adapter"
	"github.com/Zezezknight/cryptomem/cryptomem/cryptomemtest"
	"github.com/Zezezknight/cryptomem/cryptomem/gorillastore"
)

var _ sessions.Store = (*gorillastore.Store)(nil)

const otherSecret = "another secret, of 32 bytes too!"

// A browser makes requests with the cookies that it was given.
type browser struct {
	store   *gorillastore.Store
	cookies map[string]*http.Cookie
}

// visit has do work on the session called name in one request, and saves it.
func (b *browser) visit(name string, do func(*http.Request, *sessions.Session)) {
	GinkgoHelper()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for _, c := range b.cookies {
		r.AddCookie(c)
	}
	session, err := b.store.Get(r, name)
	Expect(err).NotTo(HaveOccurred())
	do(r, session)
	w := httptest.NewRecorder()
	Expect(session.Save(r, w)).To(Succeed())
	for _, c := range w.Result().Cookies() {
		b.cookies[c.Name] = c
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		}
	}
}

func (b *browser) set(key, value any) {
	GinkgoHelper()
	b.visit("s", func(_ *http.Request, s *sessions.Session) { s.Values[key] = value })
}

func (b *browser) get(key any) (value any) {
	GinkgoHelper()
	b.visit("s", func(_ *http.Request, s *sessions.Session) { value = s.Values[key] })
	return value
}

func (b *browser) id() string { return b.cookies["s"].Value }

var _ = Describe("Store", func() {
	var (
		server *cryptomemtest.Server
		store  *gorillastore.Store
		ada    *browser
		quiet  = adapter.WithLogger(slog.New(slog.DiscardHandler))
	)

	newBrowser := func(s *gorillastore.Store) *browser { return &browser{s, map[string]*http.Cookie{}} }

	BeforeEach(func() {
		server = cryptomemtest.NewServer(GinkgoTB())
		store = gorillastore.New(server.Client())
		ada = newBrowser(store)
	})

	It("carries values from request to request, until the session expires", func() {
		store.Options.MaxAge = 3600
		ada.set("name", "Ada")
		ada.set(1, []byte("one"))
		Expect(ada.get("name")).To(Equal("Ada"))
		Expect(ada.get(1)).To(Equal([]byte("one")))
		Expect(newBrowser(store).get("name")).To(BeNil())
		server.Advance(time.Hour)
		Expect(ada.get("name")).To(BeNil())
	})

	It("sets a cookie for the site, that scripts cannot read and plain HTTP does not carry", func() {
		ada.set("name", "Ada")
		c := ada.cookies["s"]
		Expect(c.Path).To(Equal("/"))
		Expect(c.MaxAge).To(Equal(30 * 24 * 3600))
		Expect([]bool{c.Secure, c.HttpOnly}).To(HaveEach(true))
		Expect(c.SameSite).To(Equal(http.SameSiteLaxMode))
		Expect(len(c.Value)).To(BeNumerically(">=", 26), "128 random bits")
	})

	It("keeps a session of the browser's for the store's TTL", func() {
		store = gorillastore.New(server.Client(), adapter.WithTTL(time.Hour))
		store.Options.MaxAge = 0
		ada = newBrowser(store)
		ada.set("name", "Ada")
		Expect(ada.cookies["s"].MaxAge).To(BeZero())
		server.Advance(time.Hour - time.Second)
		Expect(ada.get("name")).To(Equal("Ada"))
		server.Advance(time.Hour)
		Expect(ada.get("name")).To(BeNil())
	})

	It("removes a session whose age is negative, with its cookie", func() {
		ada.set("name", "Ada")
		stolen := ada.cookies["s"]
		ada.visit("s", func(_ *http.Request, s *sessions.Session) { s.Options.MaxAge = -1 })
		Expect(ada.cookies).To(BeEmpty())
		Expect(server.Items()).To(BeZero())
		ada.cookies["s"] = stolen
		Expect(ada.get("name")).To(BeNil())
	})

	It("never keeps an identifier that the visitor chose", func() {
		for _, chosen := range []string{"chosen", "", newID(ada)} {
			server.Advance(gorillastore.DefaultMaxAge) // all sessions have expired
			visitor := newBrowser(store)
			visitor.cookies["s"] = &http.Cookie{Name: "s", Value: chosen}
			visitor.set("name", "Eve")
			Expect(visitor.id()).NotTo(Equal(chosen))
		}
	})

	It("renews an identifier, and forgets the old one", func() {
		ada.set("name", "Ada")
		planted := ada.cookies["s"]
		ada.visit("s", func(r *http.Request, _ *sessions.Session) { Expect(store.Renew(r, "s")).To(Succeed()) })
		Expect(ada.id()).NotTo(Equal(planted.Value))
		Expect(ada.get("name")).To(Equal("Ada"))
		eve := newBrowser(store)
		eve.cookies["s"] = planted
		Expect(eve.get("name")).To(BeNil())
	})

	It("takes an identifier for the name that it was made for only", func() {
		ada.set("admin", true)
		eve := newBrowser(store)
		eve.cookies["other"] = &http.Cookie{Name: "other", Value: ada.id()}
		eve.visit("other", func(_ *http.Request, s *sessions.Session) { Expect(s.Values).To(BeEmpty()) })
	})

	It("saves and removes though the visitor has gone", func() {
		gone, cancel := context.WithCancel(context.Background())
		cancel()
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		session, err := store.Get(r, "s")
		Expect(err).NotTo(HaveOccurred())
		Expect(store.Save(r.WithContext(gone), httptest.NewRecorder(), session)).To(Succeed())
		Expect(server.Items()).To(Equal(1))
		session.Options.MaxAge = -1
		Expect(store.Save(r.WithContext(gone), httptest.NewRecorder(), session)).To(Succeed())
		Expect(server.Items()).To(BeZero())
	})

	It("starts anew where a session cannot be opened, and counts it", func() {
		ada.set("name", "Ada")
		ada.store = gorillastore.New(server.Client(cryptomem.WithSecret([]byte(otherSecret))), quiet)
		old := ada.id()
		ada.set("name", "Ada again")
		Expect(ada.store.Unopened()).To(BeEquivalentTo(1))
		Expect(ada.id()).NotTo(Equal(old))
		Expect(ada.get("name")).To(Equal("Ada again"))
	})

	It("starts anew where a session does not decode any more", func() {
		ada.set("name", "Ada")
		Expect(adapter.New(server.Client()).Set(context.Background(), "s\x00"+ada.id(), []byte("no gob"), 0)).To(Succeed())
		var told []error
		ada.store = gorillastore.New(server.Client(), quiet, adapter.WithErrorHandler(func(err error) { told = append(told, err) }))
		Expect(ada.get("name")).To(BeNil())
		Expect(told).To(ConsistOf(MatchError(ContainSubstring("does not decode"))))
	})

	It("says what cannot be encoded, and sets no cookie", func() {
		r, w := httptest.NewRequest(http.MethodGet, "/", nil), httptest.NewRecorder()
		session, err := store.Get(r, "s")
		Expect(err).NotTo(HaveOccurred())
		session.Values["f"] = func() {}
		Expect(session.Save(r, w)).To(MatchError(ContainSubstring(`session "s"`)))
		Expect(w.Result().Cookies()).To(BeEmpty())
	})

	It("tells of a store that is away, and sets no cookie", func() {
		ada.set("name", "Ada")
		server.Down()
		r, w := httptest.NewRequest(http.MethodGet, "/", nil), httptest.NewRecorder()
		r.AddCookie(ada.cookies["s"])
		session, err := store.Get(r, "s")
		Expect(err).To(HaveOccurred())
		Expect(session).NotTo(BeNil())
		Expect(session.Save(r, w)).NotTo(Succeed())
		Expect(w.Result().Cookies()).To(BeEmpty())
	})
})

// newID returns an identifier that the store made.
func newID(b *browser) string {
	b.set("name", "Ada")
	return b.id()
}
