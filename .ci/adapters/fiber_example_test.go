package adapters_test

import (
	"io"
	"net/http"

	fiber2 "github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/session"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/cryptomemtest"
	"github.com/Zezezknight/cryptomem/cryptomem/fiberstore"
)

var (
	_ fiber.Storage  = (*fiberstore.Store)(nil)
	_ fiber2.Storage = (*fiberstore.Store)(nil)
)

func useFiber(client *cryptomem.Client) *fiber.App {
	app := fiber.New()
	app.Use(session.New(session.Config{Storage: fiberstore.New(client)}))
	return app
}

var _ = Describe("Fiber", func() {
	It("carries a session from request to request, and starts anew when its key is gone", func() {
		server := cryptomemtest.NewServer(GinkgoTB())
		visit := func(app *fiber.App, path, cookie string) (body, newCookie string) {
			app.Get("/login", func(c fiber.Ctx) error { session.FromContext(c).Set("name", "Ada"); return nil })
			app.Get("/", func(c fiber.Ctx) error {
				name, _ := session.FromContext(c).Get("name").(string)
				return c.SendString("hello " + name)
			})
			r, err := http.NewRequest(http.MethodGet, path, nil)
			Expect(err).NotTo(HaveOccurred())
			r.Header.Set("Cookie", cookie)
			answer, err := app.Test(r)
			Expect(err).NotTo(HaveOccurred())
			Expect(answer.StatusCode).To(Equal(http.StatusOK))
			text, err := io.ReadAll(answer.Body)
			Expect(err).NotTo(HaveOccurred())
			for _, c := range answer.Cookies() {
				cookie = c.Name + "=" + c.Value
			}
			return string(text), cookie
		}
		client := server.Client()
		_, cookie := visit(useFiber(client), "/login", "")
		body, cookie := visit(useFiber(client), "/", cookie)
		Expect(body).To(Equal("hello Ada"))

		client = server.Client(cryptomem.WithSecret([]byte("another secret, of 32 bytes too!")))
		_, cookie = visit(useFiber(client), "/login", cookie)
		body, _ = visit(useFiber(client), "/", cookie)
		Expect(body).To(Equal("hello Ada"))
	})
})
