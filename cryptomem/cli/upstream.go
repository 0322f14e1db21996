package cli

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/benbjohnson/clock"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/doctor"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/keyspace"
	"github.com/Zezezknight/cryptomem/cryptomem/server/access"
	"github.com/Zezezknight/cryptomem/cryptomem/server/config"
	"github.com/Zezezknight/cryptomem/cryptomem/valkeystore"
	"github.com/Zezezknight/cryptomem/sealing"
	"github.com/Zezezknight/cryptomem/sealing/freshness"
)

// An upstream is where a proxy keeps sealed values: one client for each database
// that was selected, and an eye on whether the store answers.
type upstream struct {
	config *config.Proxy
	// shown is its address without a password, for the log.
	shown string
	tls   *tls.Config
	token []byte
	clock clock.Clock
	log   *slog.Logger
	meter keyspace.Meter

	stop chan struct{}
	done sync.WaitGroup

	// unopened for the one that watches.
	unopened unopened

	// Guards what follows.
	mu      sync.Mutex
	keyring *sealing.Keyring
	// Zero: none but the key file's.
	cut     time.Time
	clients map[int]*cryptomem.Client
	// Those of clients that are on Valkey or Redis.
	stores []*valkeystore.Store
	// Why clients should not be sent here.
	failure  error
	draining bool
}

// probeInterval is how often it is looked whether the upstream answers.
const probeInterval = time.Second

var errNotAsked = errors.New("the upstream has not answered yet")

// openUpstream prepares the clients. It does not connect: the upstream may come
// up later than the proxy.
func openUpstream(cfg *config.Proxy, keyFile string, clk clock.Clock, log *slog.Logger) (*upstream, error) {
	u := &upstream{config: cfg, clock: clk, log: log, cut: cfg.NotBefore, clients: make(map[int]*cryptomem.Client), stop: make(chan struct{}), failure: errNotAsked}
	u.shown = shownUpstream(cfg)
	var err error
	s := doctor.Client{Addr: cfg.Upstream, TLS: cfg.UpstreamTLS, CA: cfg.UpstreamCA}
	if u.tls, err = s.TLSConfig(); err != nil {
		return nil, err
	}
	if cfg.UpstreamTokenFile != "" {
		if u.token, err = access.ReadToken(cfg.UpstreamTokenFile); err != nil {
			return nil, err
		}
	}
	if u.keyring, err = sealing.ReadKeyFile(keyFile); err != nil {
		return nil, err
	}
	// what is wrong is said now
	if _, err = u.client(0); err != nil {
		return nil, errors.Join(err, u.keyring.Close())
	}
	return u, nil
}

// shownUpstream is the upstream's address as it may be printed.
func shownUpstream(cfg *config.Proxy) string {
	for _, s := range config.ProxySettings() {
		if s.Name == "upstream" {
			return s.Value(cfg)
		}
	}
	return ""
}

// namespace returns the one of database 0.
func (u *upstream) namespace() string {
	if u.config.Namespace != config.AutoNamespace {
		return u.config.Namespace
	}
	return cmp.Or(u.keyring.Namespace(), "default")
}

// databases is how many there are: one where the keys are of one namespace.
func (u *upstream) databases() int {
	if u.keyring.Namespace() != "" {
		return 1
	}
	return u.config.Databases
}

// client returns the client of a database, whose names are a namespace.
func (u *upstream) client(database int) (*cryptomem.Client, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if c := u.clients[database]; c != nil {
		return c, nil
	}
	cfg := u.config
	namespace := u.namespace()
	if database > 0 {
		namespace = fmt.Sprintf("%s/%d", namespace, database)
	}
	opts := append(freshnessOptions(cfg),
		cryptomem.WithKeyring(u.keyring), cryptomem.WithNamespace(namespace), cryptomem.WithNotBefore(u.cut),
		cryptomem.WithMaxValueSize(int(cfg.MaxValueSize)+sealedOverhead), cryptomem.WithClock(u.clock),
	)
	if cfg.BlindNames {
		opts = append(opts, cryptomem.WithBlindNames())
	}
	if cfg.Padding {
		opts = append(opts, cryptomem.WithPadding())
	}
	c, err := u.dial(opts)
	if err == nil {
		u.clients[database] = c
	}
	return c, err
}

// freshnessOptions say what a client remembers and refuses, but for the cut, which
// may change.
func freshnessOptions(cfg *config.Proxy) []cryptomem.Option {
	opts := []cryptomem.Option{cryptomem.WithFreshness(freshness.Config{Clocks: cfg.ClockBound, Delay: cfg.WriteDelay})}
	if !cfg.Freshness {
		opts = append(opts, cryptomem.WithoutFreshness())
	}
	if cfg.EnvelopeVersion == config.EnvelopeUnstamped {
		opts = append(opts, cryptomem.WithEnvelopeVersion(sealing.VersionUnstamped))
	}
	if cfg.StampedOnly {
		opts = append(opts, cryptomem.WithStampedOnly())
	}
	return opts
}

// sealedOverhead is what a string grows by when it is sealed, with room to spare.
const sealedOverhead = 64

func (u *upstream) dial(opts []cryptomem.Option) (*cryptomem.Client, error) {
	cfg := u.config
	if strings.Contains(cfg.Upstream, "://") {
		storeOpts := []valkeystore.Option{valkeystore.WithTimeout(cfg.UpstreamTimeout)}
		if u.tls != nil {
			storeOpts = append(storeOpts, valkeystore.WithTLS(u.tls))
		}
		if cfg.NearCache > 0 {
			storeOpts = append(storeOpts, valkeystore.WithNearCache(cfg.NearCache), valkeystore.WithClock(u.clock))
		}
		store, err := valkeystore.Open(cfg.Upstream, storeOpts...)
		if err != nil {
			return nil, err
		}
		u.stores = append(u.stores, store)
		return cryptomem.NewClient(store, opts...)
	}
	if cfg.NearCache > 0 {
		return nil, errors.New("near_cache needs an upstream that tells of changes: Valkey or Redis, as valkey://host:port")
	}
	opts = append(opts, cryptomem.WithTimeout(cfg.UpstreamTimeout))
	if u.tls != nil {
		opts = append(opts, cryptomem.WithTLS(u.tls))
	}
	if cfg.UpstreamIdentity != "" {
		opts = append(opts, cryptomem.WithAuth(cfg.UpstreamIdentity, u.token))
	}
	return cryptomem.Open(cfg.Upstream, opts...)
}

// space returns the names of a database.
func (u *upstream) space(database int) (*keyspace.Space, error) {
	c, err := u.client(database)
	if err != nil {
		return nil, err
	}
	sealed := keyspace.NewSealed(c, u.clock)
	return keyspace.New(keyspace.Config{
		Upstream: u.meter.Watch(sealed, u.clock), Clock: u.clock, Timeout: u.config.UpstreamTimeout,
	}), nil
}

// near says how the near caches do; nil if there are to be none.
func (u *upstream) near() *valkeystore.NearStats {
	if u.config.NearCache == 0 {
		return nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	var sum valkeystore.NearStats
	for _, s := range u.stores {
		sum = sum.Plus(s.NearStats())
	}
	return &sum
}

// rekey takes the keys in the file into use. If one client cannot, none of the
// others goes back: the file is tried again.
func (u *upstream) rekey(file string) error {
	keyring, err := sealing.ReadKeyFile(file)
	if err != nil {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, c := range u.clients {
		if err := c.Rekey(keyring); err != nil {
			return errors.Join(err, keyring.Close())
		}
	}
	old := u.keyring
	u.keyring = keyring
	return old.Close()
}

// setNotBefore makes a cut, in place of the one that was set before; the zero time is
// none.
func (u *upstream) setNotBefore(t time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.cut = t
	for _, c := range u.clients {
		c.NotBefore(t)
	}
}

// ready returns why clients should not be sent here, nil if they may be.
func (u *upstream) ready() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.draining {
		return errors.New("shutting down")
	}
	return u.failure
}

func (u *upstream) drain() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.draining = true
}

// watch begins to ask the upstream, once a second, whether it answers.
func (u *upstream) watch() {
	ticker := u.clock.Ticker(probeInterval)
	u.done.Go(func() {
		defer ticker.Stop()
		for {
			u.probe()
			u.warnOfUnopened()
			select {
			case <-u.stop:
				return
			case <-ticker.C:
			}
		}
	})
}

// ping asks the upstream for a sign of life.
func (u *upstream) ping(ctx context.Context) error {
	c, err := u.client(0)
	if err == nil {
		err = c.Ping(ctx)
	}
	if err != nil {
		return fmt.Errorf("upstream %s: %w", u.shown, err)
	}
	return nil
}

func (u *upstream) probe() {
	ctx, cancel := u.clock.WithTimeout(context.Background(), u.config.UpstreamTimeout)
	err := u.ping(ctx)
	cancel()
	u.mu.Lock()
	before := u.failure
	u.failure = err
	u.mu.Unlock()
	switch {
	case err != nil && (before == nil || errors.Is(before, errNotAsked)):
		u.log.Error("the upstream does not answer", "upstream", u.shown, "error", err)
	case err == nil && before != nil:
		u.log.Info("the upstream answers", "upstream", u.shown)
	}
}

// An unopened is what has been said of values that do not open.
type unopened struct {
	// How many there were when it was said.
	told uint64
	// at is when that was.
	at time.Time
}

// unopenedInterval is how often the log may say that values do not open.
const unopenedInterval = time.Minute

// warnOfUnopened says so if values count as missing because no key here
// opens them: a wrong key file, or an attack, must not go unnoticed.
func (u *upstream) warnOfUnopened() {
	n, now := u.meter.Failed(keyspace.NotAuthentic), u.clock.Now()
	if n == u.unopened.told || now.Sub(u.unopened.at) < unopenedInterval {
		return
	}
	u.log.Warn("values cannot be opened and count as missing: their key is not in the key file, or they were altered",
		"values", n-u.unopened.told, "upstream", u.shown)
	u.unopened = unopened{told: n, at: now}
}

func (u *upstream) close() error {
	close(u.stop)
	u.mu.Lock()
	var err error
	for _, c := range u.clients {
		err = errors.Join(err, c.Close())
	}
	u.mu.Unlock()
	u.done.Wait()
	return errors.Join(err, u.keyring.Close())
}
