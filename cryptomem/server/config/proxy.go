package config

import (
	"cmp"
	"io/fs"
	"log/slog"
	"net"
	"time"

	"github.com/Zezezknight/cryptomem/transport/address"

	"github.com/Zezezknight/cryptomem/cryptomem/quantity"
)

// ProxyFileName is the proxy's file that is read when no other is named.
const ProxyFileName = "proxy.yaml"

// AutoNamespace stands for the namespace that a key file was derived for.
const AutoNamespace = "auto"

// What envelope_version may be.
const (
	EnvelopeStamped   = "0xC2"
	EnvelopeUnstamped = "0xC1"
)

// Proxy is a proxy's effective configuration. Sizes are in bytes.
type Proxy struct {
	Addr         []string
	UnixMode     fs.FileMode
	TLSCert      string
	TLSKey       string
	PasswordFile string

	Upstream          string
	UpstreamTLS       bool
	UpstreamCA        string
	UpstreamIdentity  string
	UpstreamTokenFile string
	UpstreamTimeout   time.Duration
	NearCache         int64

	KeyFile    string
	Namespace  string
	BlindNames bool
	Padding    bool

	Freshness  bool
	ClockBound time.Duration
	WriteDelay time.Duration
	// Zero: no cut.
	NotBefore time.Time
	// EnvelopeStamped or EnvelopeUnstamped.
	EnvelopeVersion string
	StampedOnly     bool

	Databases          int
	DefaultTTL         time.Duration
	MaxValueSize       int64
	MaxCollection      int
	MaxCollectionSize  int64
	TouchSlack         int // percent
	EmptyScans         bool
	FlushAll           bool
	StrictTransactions bool
	ScriptSteps        int
	ScriptMemory       int64

	MaxInFlight     int64
	MaxConnections  int
	CommandTimeout  time.Duration
	WriteTimeout    time.Duration
	IdleTimeout     time.Duration
	AuthTimeout     time.Duration
	ShutdownTimeout time.Duration

	Admin      string
	AdminPprof bool
	LogFormat  string
	LogLevel   slog.Level

	origins map[string]string
	read    string
}

// A ProxySetting is one of a proxy.
type ProxySetting = SettingOf[Proxy]

// ProxySettings lists every setting in the order in which people read about
// them.
func ProxySettings() []ProxySetting { return proxySettings }

var proxyTable = schema[Proxy]{
	settings: proxySettings, file: ProxyFileName,
	origins:   func(c *Proxy) map[string]string { return c.origins },
	read:      func(c *Proxy) *string { return &c.read },
	relations: proxyRelations,
}

// DefaultProxy returns the configuration of a proxy that was told nothing.
func DefaultProxy() *Proxy {
	c := &Proxy{origins: make(map[string]string, len(proxySettings))}
	proxyTable.setDefaults(c)
	return c
}

// LoadProxy is Load for a proxy.
func LoadProxy(src Sources) (*Proxy, error) {
	c := DefaultProxy()
	if err := proxyTable.load(c, src); err != nil {
		return nil, err
	}
	return c, nil
}

// Origin says where the value of the named setting came from.
func (c *Proxy) Origin(name string) string { return c.origins[name] }

// File is as that of [Config].
func (c *Proxy) File() string { return cmp.Or(c.read, "none") }

// Changes returns what is different in next.
func (c *Proxy) Changes(next *Proxy) []ChangeOf[Proxy] { return proxyTable.changes(c, next) }

// Reload takes over what next sets differently and can change while a proxy
// runs.
func (c *Proxy) Reload(next *Proxy) error { return proxyTable.reload(c, next) }

// proxyRelations reports values that are allowed alone but not together.
func proxyRelations(l *loader[Proxy]) {
	c := l.config
	l.needs("tls_cert", c.TLSCert != "", "tls_key", c.TLSKey != "")
	l.needs("tls_key", c.TLSKey != "", "tls_cert", c.TLSCert != "")
	l.needs("upstream_identity", c.UpstreamIdentity != "", "upstream_token_file", c.UpstreamTokenFile != "")
	l.needs("upstream_token_file", c.UpstreamTokenFile != "", "upstream_identity", c.UpstreamIdentity != "")
	if c.MaxCollectionSize > c.MaxValueSize {
		l.report("max_collection_size", l.chosen("max_collection_size", "max_value_size"), "%s is more than max_value_size, which is %s",
			quantity.FormatSize(c.MaxCollectionSize), quantity.FormatSize(c.MaxValueSize))
	}
	if c.MaxValueSize > c.MaxInFlight/2 {
		l.report("max_value_size", l.chosen("max_value_size", "max_in_flight"), "%s is more than half of max_in_flight, which is %s; one client would leave no room for the others",
			quantity.FormatSize(c.MaxValueSize), quantity.FormatSize(c.MaxInFlight))
	}
	if c.EnvelopeVersion == EnvelopeUnstamped && (c.StampedOnly || !c.NotBefore.IsZero()) {
		l.report("envelope_version", l.chosen("stamped_only", "not_before", "envelope_version"), "what is written as 0xC1 does not say when it was sealed, and is refused with stamped_only and with not_before")
	}
	for _, text := range c.Addr {
		a, err := address.Parse(text)
		if err == nil && c.Exposed(a) {
			l.report("addr", l.origins["addr"], "%s can be reached from other machines, and values are in clear there; it needs tls_cert and password_file", a)
		}
		if err == nil && text == c.Admin {
			l.report("admin", l.chosen("admin", "addr"), "%s is where clients are served already; give it a port of its own", c.Admin)
		}
	}
}

// Exposed reports whether strangers could read at the address: it can be reached
// from other machines, without TLS or without a password.
func (c *Proxy) Exposed(a address.Address) bool {
	return !a.IsLocal() && (c.TLSCert == "" || c.PasswordFile == "")
}

// Listen returns the addresses to listen on. The name localhost is both
// 127.0.0.1 and ::1: some clients ask for one first, some for the other.
func (c *Proxy) Listen() []address.Address {
	var all []address.Address
	for _, text := range c.Addr {
		a, err := address.Parse(text)
		switch {
		case err != nil: // it was parsed when it was set
		case a.Path == "" && a.Host == "localhost":
			all = append(all, address.Address{Host: "127.0.0.1", Port: a.Port}, address.Address{Host: net.IPv6loopback.String(), Port: a.Port})
		default:
			all = append(all, a)
		}
	}
	return all
}
