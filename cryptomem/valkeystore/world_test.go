package valkeystore_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/valkeystore"
	"github.com/Zezezknight/cryptomem/cryptomem/valkeystore/valkeytest"
	"github.com/Zezezknight/cryptomem/sealing"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// testTimeout is for how long a call may take in specs that do not say otherwise: no
// spec waits for it unless something is broken.
const testTimeout = 30 * time.Second

// within returns a context with a time limit. Any goroutine may call it.
func within(d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	context.AfterFunc(ctx, cancel)
	return ctx
}

func startServer(args ...string) *valkeytest.Server {
	GinkgoHelper()
	return valkeytest.Start(GinkgoTB(), args...)
}

// since returns the arguments if the servers are of that version or a later one.
func since(major int, args ...string) []string {
	GinkgoHelper()
	if valkeytest.Major(GinkgoTB()) < major {
		return nil
	}
	return args
}

func open(address string, opts ...valkeystore.Option) *valkeystore.Store {
	GinkgoHelper()
	s, err := valkeystore.Open(address, opts...)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(s.Close)
	return s
}

// openOnce is open for a store that tries nothing twice, so that an error says what it
// says, and not that it lasted. Its one try to connect may take long: a busy machine is
// no failure.
func openOnce(address string, opts ...valkeystore.Option) *valkeystore.Store {
	GinkgoHelper()
	return open(address, append(opts, valkeystore.WithBackoff(0, 0), valkeystore.WithDialTimeout(testTimeout))...)
}

// seal returns an envelope of the value under the name.
func seal(name, value string, expiry time.Time) []byte {
	GinkgoHelper()
	return sealStamped(name, value, expiry, 0)
}

// sealStamped is seal with a sealing time, which makes the other version of an
// envelope; 0 means none.
func sealStamped(name, value string, expiry time.Time, stamp sealing.Stamp) []byte {
	GinkgoHelper()
	envelope, err := sealer.Seal(nil, []byte(name), []byte(value), expiry, stamp)
	Expect(err).NotTo(HaveOccurred())
	return envelope
}

var sealer = func() *sealing.Sealer {
	kr, err := sealing.KeyringFromSecret([]byte("a secret that only specs may have"[:32]))
	if err != nil {
		panic(err)
	}
	s, err := sealing.New(kr)
	if err != nil {
		panic(err)
	}
	return s
}()

// A caller sends requests to a store and opens what comes back.
type caller struct{ store cryptomem.Store }

func (c caller) do(r *cryptomem.Request) error {
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	defer cancel()
	return c.store.Do(ctx, r)
}

func (c caller) set(name, value string, ttl time.Duration) error {
	return c.do(&cryptomem.Request{Command: wire.Set, Name: []byte(name), Value: seal(name, value, time.Time{}), TTL: ttl})
}

func (c caller) get(name string) (string, error) {
	value, _, err := c.getv(name, false)
	return value, err
}

func (c caller) getv(name string, fenced bool) (string, uint64, error) {
	r := &cryptomem.Request{Command: wire.GetV, Name: []byte(name), Fenced: fenced}
	if err := c.do(r); err != nil {
		return "", 0, err
	}
	value, err := sealer.Open(nil, r.Name, r.Answer, time.Unix(2e9, 0))
	return string(value), r.Version, err
}

func (c caller) add(name, value string, ttl time.Duration, fenced bool) (uint64, error) {
	r := &cryptomem.Request{Command: wire.Add, Name: []byte(name), Value: seal(name, value, time.Time{}), TTL: ttl, Fenced: fenced}
	if err := c.do(r); err != nil {
		return 0, err
	}
	return r.Version, nil
}

func (c caller) cas(name, value string, version uint64, ttl time.Duration, fenced bool) (uint64, error) {
	r := &cryptomem.Request{Command: wire.CAS, Name: []byte(name), Value: seal(name, value, time.Time{}), TTL: ttl, Version: version, Fenced: fenced}
	if err := c.do(r); err != nil {
		return 0, err
	}
	return r.Version, nil
}

func (c caller) delete(name string) error {
	return c.do(&cryptomem.Request{Command: wire.Delete, Name: []byte(name)})
}

func (c caller) flush(prefix string) (uint64, error) {
	r := &cryptomem.Request{Command: wire.Flush, Name: []byte(prefix)}
	err := c.do(r)
	return r.Count, err
}
