package config

import (
	"slices"

	"github.com/Zezezknight/cryptomem/transport/address"

	"github.com/Zezezknight/cryptomem/cryptomem/quantity"
)

// relations reports values that are allowed alone but not together.
func relations(l *loader[Config]) {
	c := l.config
	if c.MaxMemory > 0 && c.MaxValueSize > c.MaxMemory/2 {
		l.report("max_value_size", l.chosen("max_value_size", "max_memory"), "%s is more than half of max_memory, which is %s",
			quantity.FormatSize(c.MaxValueSize), quantity.FormatSize(c.MaxMemory))
	}
	if c.MaxValueSize > c.MaxInFlight/2 {
		l.report("max_value_size", l.chosen("max_value_size", "max_in_flight"), "%s is more than half of max_in_flight, which is %s; one client would leave no room for the others",
			quantity.FormatSize(c.MaxValueSize), quantity.FormatSize(c.MaxInFlight))
	}
	l.needs("tls_cert", c.TLSCert != "", "tls_key", c.TLSKey != "")
	l.needs("tls_key", c.TLSKey != "", "tls_cert", c.TLSCert != "")
	l.needs("tls_addr", len(c.TLSAddr) > 0, "tls_cert", c.TLSCert != "")
	l.needs("tls_client_ca", c.TLSClientCA != "", "tls_cert", c.TLSCert != "")
	if c.TLSClientCA != "" && c.TLSClientCert == "optional" && c.Identities == "" {
		l.report("tls_client_cert", l.chosen("tls_client_cert"), "a client without certificate has to authenticate with a token; set identities")
	}
	if c.Admin != "" && (slices.Contains(c.Addr, c.Admin) || slices.Contains(c.TLSAddr, c.Admin)) {
		l.report("admin", l.chosen("admin", "addr", "tls_addr"), "%s is where clients are served already; give it a port of its own", c.Admin)
	}
	exposure(l, "addr", c.Addr, c.TLSOnly())
	exposure(l, "tls_addr", c.TLSAddr, true)
}

// exposure refuses to serve strangers unless that was asked for.
func exposure(l *loader[Config], name string, addrs []string, tls bool) {
	for _, text := range addrs {
		if a, err := address.Parse(text); err == nil && l.config.Exposed(a, tls) {
			l.report(name, l.config.Origin(name), "%s can be reached from other machines, and clients need not authenticate; "+
				"set identities, or tls_client_ca, or allow_unauthenticated: true", a)
		}
	}
}

// Exposed reports whether strangers could use a listener at the address, with
// or without TLS: it can be reached from other machines, clients need not authenticate
// there, and that was not asked for.
func (c *Config) Exposed(a address.Address, tls bool) bool {
	return !a.IsLocal() && !c.AllowUnauthenticated && !c.Authenticates(tls)
}
