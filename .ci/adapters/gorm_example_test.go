package adapters_test

import (
	"context"
	"time"

	"github.com/glebarez/sqlite"
	"github.com/go-gorm/caches/v4"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"gorm.io/gorm"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/adapter"
	"github.com/Zezezknight/cryptomem/cryptomem/cryptomemtest"
)

// queries is a cacher for github.com/go-gorm/caches. If the store is down, reads
// are misses, and changes fail because they cannot invalidate.
type queries struct{ store *adapter.Store }

func (q queries) Get(ctx context.Context, key string, to *caches.Query[any]) (*caches.Query[any], error) {
	data, found, err := q.store.Get(ctx, key)
	q.store.Report(err)
	if !found {
		return nil, nil
	}
	return to, to.Unmarshal(data)
}

func (q queries) Store(ctx context.Context, key string, result *caches.Query[any]) error {
	data, err := result.Marshal()
	if err == nil {
		q.store.Report(q.store.Overwrite(ctx, key, data, q.store.TTL()))
	}
	return err
}

func (q queries) Invalidate(ctx context.Context) error {
	_, err := q.store.Client().Flush(ctx, "")
	return err
}

func useGorm(db *gorm.DB, client *cryptomem.Client) error {
	store := adapter.New(client, adapter.WithTTL(time.Minute))
	return db.Use(&caches.Caches{Conf: &caches.Config{Cacher: queries{store}}})
}

type user struct {
	ID   int
	Name string
}

var _ = Describe("gorm", func() {
	It("asks the database once, until its time is over or something changes", func() {
		server := cryptomemtest.NewServer(GinkgoTB())
		db, err := gorm.Open(sqlite.Open(":memory:"), &gorm.Config{})
		Expect(err).NotTo(HaveOccurred())
		pool, err := db.DB()
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(pool.Close)
		pool.SetMaxOpenConns(1) // each connection has a database of its own
		Expect(db.AutoMigrate(&user{})).To(Succeed())
		Expect(useGorm(db, server.Client(cryptomem.WithNamespace("gorm")))).To(Succeed())
		Expect(db.Create(&user{ID: 1, Name: "Ada"}).Error).To(Succeed())

		name := func() string {
			var u user
			Expect(db.First(&u, 1).Error).To(Succeed())
			return u.Name
		}
		behind := func(name string) { // as somebody would who does not use the cache
			_, err := pool.Exec("UPDATE users SET name = ?", name)
			Expect(err).NotTo(HaveOccurred())
		}
		Expect(name()).To(Equal("Ada"))
		behind("Grace")
		Expect(name()).To(Equal("Ada"))
		server.Advance(time.Minute)
		Expect(name()).To(Equal("Grace"))
		Expect(db.Model(&user{ID: 1}).Update("name", "Edsger").Error).To(Succeed())
		Expect(name()).To(Equal("Edsger"))
		server.Down()
		behind("Barbara")
		Expect(name()).To(Equal("Barbara"))
	})
})
