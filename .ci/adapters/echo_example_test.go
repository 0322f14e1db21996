package adapters_test

import (
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/labstack/echo/v4"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/cryptomemtest"
	"github.com/Zezezknight/cryptomem/cryptomem/scsstore"
)

func useEcho(client *cryptomem.Client) *echo.Echo {
	sessions := scs.New()
	sessions.Lifetime = 24 * time.Hour
	sessions.Store = scsstore.New(client)

	e := echo.New()
	e.Use(echo.WrapMiddleware(sessions.LoadAndSave))
	e.GET("/", func(c echo.Context) error {
		ctx := c.Request().Context()
		visits := sessions.GetInt(ctx, "visits") + 1
		sessions.Put(ctx, "visits", visits)
		return c.JSON(http.StatusOK, visits)
	})
	return e
}

var _ = Describe("Echo", func() {
	It("carries a session from request to request", func() {
		e := useEcho(cryptomemtest.NewServer(GinkgoTB()).Client())
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		for _, visits := range []string{"1\n", "2\n"} {
			w := httptest.NewRecorder()
			e.ServeHTTP(w, r)
			Expect(w.Body.String()).To(Equal(visits))
			r.Header.Set("Cookie", w.Header().Get("Set-Cookie"))
		}
	})
})
