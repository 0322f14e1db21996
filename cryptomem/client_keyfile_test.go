package cryptomem_test

import (
	"context"
	"os"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gleak"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/server"
	"github.com/Zezezknight/cryptomem/sealing"
)

// rekeyings is a KeyObserver that hands on what it is told.
type rekeyings chan error

func (r rekeyings) Rekeyed(err error) { r <- err }

func (r rekeyings) Begin(ctx context.Context, _ cryptomem.Command) (context.Context, func(cryptomem.Outcome)) {
	return ctx, func(cryptomem.Outcome) {}
}

var _ = Describe("A client of a key file", func() {
	var (
		w       *world
		ctx     = context.Background()
		path    string
		kr      *sealing.Keyring
		rekeyed rekeyings
		client  *cryptomem.Client
	)
	BeforeEach(func() {
		w = newWorld(server.Config{})
		path = filepath.Join(GinkgoT().TempDir(), "key.json")
		var err error
		kr, err = sealing.NewKeyring(w.clock.Now())
		Expect(err).NotTo(HaveOccurred())
		Expect(kr.WriteFile(path)).To(Succeed())
		rekeyed = make(rekeyings, 1)
		client = w.client(cryptomem.WithKeyFile(path), cryptomem.WithObserver(rekeyed))
	})

	It("does not follow it if the client could not be made", func() {
		before := gleak.Goroutines()
		_, err := cryptomem.Open("pipe", cryptomem.WithKeyFile(path), cryptomem.WithClock(w.clock), cryptomem.WithFailover(time.Second, time.Minute))
		Expect(err).To(MatchError(ContainSubstring("only one server")))
		Eventually(gleak.Goroutines).ShouldNot(gleak.HaveLeaked(before))
	})

	It("follows a rotation of the keys in the file", func() {
		Expect(client.Set(ctx, "old", []byte("1"))).To(Succeed())
		id, err := kr.Generate(w.clock.Now())
		Expect(err).NotTo(HaveOccurred())
		Expect(kr.Promote(id)).To(Succeed())
		Expect(kr.WriteFile(path)).To(Succeed())
		w.clock.Add(cryptomem.KeyFileInterval)
		Eventually(rekeyed).Should(Receive(Succeed()))

		Expect(client.Get(ctx, "old")).To(Equal([]byte("1")))
		Expect(client.Set(ctx, "new", []byte("2"))).To(Succeed())
		header, err := sealing.ParseHeader(w.envelope("new"))
		Expect(err).NotTo(HaveOccurred())
		Expect(header.KeyID).To(Equal(id))
	})

	It("applies the cut in the file, once every clock has passed it", func() {
		Expect(client.Set(ctx, "old", []byte("1"))).To(Succeed())
		kr.SetNotBefore(w.clock.Now().Add(cryptomem.KeyFileInterval))
		Expect(kr.WriteFile(path)).To(Succeed())
		w.clock.Add(cryptomem.KeyFileInterval)
		Eventually(rekeyed).Should(Receive(Succeed()))
		Expect(client.Get(ctx, "old")).To(Equal([]byte("1")))
		w.clock.Add(sealing.DefaultClockBound)
		Expect(client.Get(ctx, "old")).Error().To(MatchError(cryptomem.ErrStale))
		Expect(client.Set(ctx, "new", []byte("2"))).To(Succeed())
		Expect(client.Get(ctx, "new")).To(Equal([]byte("2")))
	})

	It("works in the namespace that the file was derived for, and in no other", func() {
		alice, err := kr.Derive("alice")
		Expect(err).NotTo(HaveOccurred())
		derived := filepath.Join(GinkgoT().TempDir(), "alice.json")
		Expect(alice.WriteFile(derived)).To(Succeed())
		tenant := w.client(cryptomem.WithKeyFile(derived))
		Expect(tenant.Namespace()).To(Equal("alice"))
		Expect(tenant.Set(ctx, "k", []byte("1"))).To(Succeed())
		owner := w.client(cryptomem.WithKeyFile(path), cryptomem.WithNamespace("alice"))
		Expect(owner.Get(ctx, "k")).To(Equal([]byte("1")))
		_, err = cryptomem.Open("nowhere", cryptomem.WithKeyFile(derived), cryptomem.WithNamespace("bob"))
		Expect(err).To(MatchError(ContainSubstring(`of namespace "alice" alone`)))
	})

	It("flushes no other namespace than that of its file", func() {
		w := newWorld(server.Config{AllowFlush: true})
		alice, err := kr.Derive("alice")
		Expect(err).NotTo(HaveOccurred())
		tenant, owner := w.client(cryptomem.WithKeyring(alice)), w.client(cryptomem.WithKeyring(kr))
		Expect(tenant.Set(ctx, "k", nil)).To(Succeed())
		Expect(owner.Set(ctx, "k", nil)).To(Succeed())
		Expect(tenant.Flush(ctx, "")).To(BeEquivalentTo(1))
		Expect(owner.Exists(ctx, "k")).To(BeTrue())
	})

	It("keeps its keys when the file cannot be read, until it can", func() {
		Expect(os.WriteFile(path, []byte("half a key fi"), 0o600)).To(Succeed())
		w.clock.Add(cryptomem.KeyFileInterval)
		Eventually(rekeyed).Should(Receive(MatchError(ContainSubstring("key.json"))))
		Expect(client.Set(ctx, "k", []byte("1"))).To(Succeed())
		Expect(os.Remove(path)).To(Succeed())
		w.clock.Add(cryptomem.KeyFileInterval)
		Eventually(rekeyed).Should(Receive(MatchError(os.ErrNotExist)))
		Expect(kr.WriteFile(path)).To(Succeed())
		w.clock.Add(cryptomem.KeyFileInterval)
		Eventually(rekeyed).Should(Receive(Succeed()))
		Expect(client.Get(ctx, "k")).To(Equal([]byte("1")))
	})

	It("notices that the same file is back", func() {
		kept := path + ".kept"
		Expect(os.Link(path, kept)).To(Succeed())
		Expect(os.Remove(path)).To(Succeed())
		w.clock.Add(cryptomem.KeyFileInterval)
		Eventually(rekeyed).Should(Receive(MatchError(os.ErrNotExist)))
		Expect(os.Rename(kept, path)).To(Succeed())
		w.clock.Add(cryptomem.KeyFileInterval)
		Eventually(rekeyed).Should(Receive(Succeed()))
	})

	It("leaves the keys alone while the file stays as it is", func() {
		w.clock.Add(3 * cryptomem.KeyFileInterval)
		Expect(rekeyed).NotTo(Receive())
	})

	It("does not begin without the file", func() {
		_, err := cryptomem.Dial(ctx, "nowhere", cryptomem.WithKeyFile(path+".not"))
		Expect(err).To(MatchError(os.ErrNotExist))
		Expect(err).To(MatchError(ContainSubstring("WithKeyFile")))
	})

	It("stops following it once it is given other keys", func() {
		other := w.client(cryptomem.WithKeyFile(path), cryptomem.WithSecret([]byte(secret)), cryptomem.WithDefaultTTL(time.Hour))
		Expect(os.Remove(path)).To(Succeed())
		w.clock.Add(cryptomem.KeyFileInterval)
		Eventually(rekeyed).Should(Receive(MatchError(os.ErrNotExist))) // the first client's
		Expect(other.Set(ctx, "k", nil)).To(Succeed())
	})
})
