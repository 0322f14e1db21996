package adapters_test

import (
	"io"
	"testing"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/tester"
	"github.com/gin-gonic/gin"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/cryptomemtest"
	"github.com/Zezezknight/cryptomem/cryptomem/gorillastore"
)

// ginSessions is a store for github.com/gin-contrib/sessions.
type ginSessions struct{ *gorillastore.Store }

func (s ginSessions) Options(o sessions.Options) { s.Store.Options = o.ToGorillaOptions() }

func useGin(client *cryptomem.Client) *gin.Engine {
	engine := gin.New()
	engine.Use(sessions.Sessions("session", ginSessions{gorillastore.New(client)}))
	return engine
}

// TestGin holds gorillastore to gin-contrib's own tests.
func TestGin(t *testing.T) {
	gin.SetMode(gin.ReleaseMode)
	gin.DefaultWriter = io.Discard
	newStore := func(t *testing.T) sessions.Store {
		return ginSessions{gorillastore.New(cryptomemtest.NewServer(t).Client())}
	}
	if routes := useGin(cryptomemtest.NewServer(t).Client()).Handlers; len(routes) != 1 {
		t.Errorf("%d handlers, want that of the sessions", len(routes))
	}
	t.Run("GetSet", func(t *testing.T) { tester.GetSet(t, newStore) })
	t.Run("DeleteKey", func(t *testing.T) { tester.DeleteKey(t, newStore) })
	t.Run("Flashes", func(t *testing.T) { tester.Flashes(t, newStore) })
	t.Run("Clear", func(t *testing.T) { tester.Clear(t, newStore) })
	t.Run("Options", func(t *testing.T) { tester.Options(t, newStore) })
	t.Run("Many", func(t *testing.T) { tester.Many(t, newStore) })
}
