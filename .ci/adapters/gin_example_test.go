package adapters_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/tester"
	"github.com/gin-gonic/gin"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/cryptomemtest"
	"github.com/Zezezknight/cryptomem/cryptomem/gorillastore"
)

// ginSessions is a store for github.com/gin-contrib/sessions.
type ginSessions struct{ *gorillastore.Store }

func (s ginSessions) Options(o sessions.Options) { s.Store.Options = o.ToGorillaOptions() }

func useGin(client *cryptomem.Client) *gin.Engine {
	store := ginSessions{gorillastore.New(client)}
	engine := gin.New()
	engine.Use(sessions.Sessions("session", store))
	engine.GET("/login", func(c *gin.Context) {
		// Against session fixation: a planted identifier is worth nothing.
		if err := store.Renew(c.Request, "session"); err != nil {
			c.AbortWithStatus(http.StatusServiceUnavailable)
			return
		}
		session := sessions.Default(c)
		session.Set("user", "Ada")
		if err := session.Save(); err != nil {
			c.AbortWithStatus(http.StatusServiceUnavailable)
		}
	})
	return engine
}

var _ = Describe("Gin", func() {
	It("gives a visitor another identifier at each login", func() {
		engine := useGin(cryptomemtest.NewServer(GinkgoTB()).Client())
		var cookies []string
		for range 2 {
			r, w := httptest.NewRequest(http.MethodGet, "/login", nil), httptest.NewRecorder()
			for _, c := range cookies {
				r.Header.Set("Cookie", c)
			}
			engine.ServeHTTP(w, r)
			Expect(w.Code).To(Equal(http.StatusOK))
			cookie, _, _ := strings.Cut(w.Header().Get("Set-Cookie"), ";")
			cookies = append(cookies, cookie)
		}
		Expect(cookies[1]).NotTo(BeEmpty())
		Expect(cookies[1]).NotTo(Equal(cookies[0]))
	})
})

// TestGin holds gorillastore to gin-contrib's own tests.
func TestGin(t *testing.T) {
	gin.SetMode(gin.ReleaseMode)
	gin.DefaultWriter = io.Discard
	newStore := func(t *testing.T) sessions.Store {
		return ginSessions{gorillastore.New(cryptomemtest.NewServer(t).Client())}
	}
	t.Run("GetSet", func(t *testing.T) { tester.GetSet(t, newStore) })
	t.Run("DeleteKey", func(t *testing.T) { tester.DeleteKey(t, newStore) })
	t.Run("Flashes", func(t *testing.T) { tester.Flashes(t, newStore) })
	t.Run("Clear", func(t *testing.T) { tester.Clear(t, newStore) })
	t.Run("Options", func(t *testing.T) { tester.Options(t, newStore) })
	t.Run("Many", func(t *testing.T) { tester.Many(t, newStore) })
}
