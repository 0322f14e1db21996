package adapters_test

import (
	"context"
	"fmt"
	"time"

	"ariga.io/entcache"
	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/sql"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/adapter"
	"github.com/Zezezknight/cryptomem/cryptomem/cryptomemtest"
)

// rows is a level for ariga.io/entcache. After any error, entcache goes to the
// database.
type rows struct{ store *adapter.Store }

func (r rows) Get(ctx context.Context, key entcache.Key) (*entcache.Entry, error) {
	data, found, err := r.store.Get(ctx, fmt.Sprint(key))
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, entcache.ErrNotFound
	}
	entry := new(entcache.Entry)
	return entry, entry.UnmarshalBinary(data)
}

func (r rows) Add(ctx context.Context, key entcache.Key, entry *entcache.Entry, ttl time.Duration) error {
	data, err := entry.MarshalBinary()
	if err != nil {
		return err
	}
	return r.store.Overwrite(ctx, fmt.Sprint(key), data, ttl)
}

func (r rows) Del(ctx context.Context, key entcache.Key) error {
	_, err := r.store.Forget(ctx, fmt.Sprint(key))
	return err
}

// The driver for ent.NewClient(ent.Driver(…)).
func useEntcache(database dialect.Driver, client *cryptomem.Client) dialect.Driver {
	return entcache.NewDriver(database,
		entcache.TTL(time.Minute),
		entcache.Levels(entcache.NewLRU(256), rows{adapter.New(client)}))
}

var _ = Describe("entcache", func() {
	It("asks the database once, until its time is over", func() {
		server, ctx := cryptomemtest.NewServer(GinkgoTB()), context.Background()
		database, err := sql.Open("sqlite", ":memory:")
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(database.Close)
		database.DB().SetMaxOpenConns(1) // each connection has a database of its own
		change := func(statement string) {
			GinkgoHelper()
			_, err := database.DB().Exec(statement)
			Expect(err).NotTo(HaveOccurred())
		}
		name := func(driver dialect.Driver) (name string) {
			GinkgoHelper()
			found := &sql.Rows{}
			Expect(driver.Query(ctx, "SELECT name FROM users WHERE id = ?", []any{1}, found)).To(Succeed())
			defer found.Close()
			Expect(found.Next()).To(BeTrue())
			Expect(found.Scan(&name)).To(Succeed())
			Expect(found.Next()).To(BeFalse())
			return name
		}
		client := server.Client()
		change("CREATE TABLE users (id int, name text)")
		change("INSERT INTO users VALUES (1, 'Ada')")
		Expect(name(useEntcache(database, client))).To(Equal("Ada"))
		change("UPDATE users SET name = 'Grace'")
		Expect(name(useEntcache(database, client))).To(Equal("Ada"), "another process, with an empty LRU")
		server.Advance(time.Minute)
		Expect(name(useEntcache(database, client))).To(Equal("Grace"))
	})
})
