package doctor

import (
	"context"
	"fmt"

	"github.com/Zezezknight/cryptomem/transport/address"
)

// exposure checks who can reach the server, and what they may do.
func exposure(_ context.Context, r *serverReport) {
	const subject = "who can connect"
	c := r.Config
	exposed := false
	look := func(addrs []string, tls bool) {
		for _, a := range addrs {
			if address.IsLocal(a) {
				continue
			}
			exposed = true
			if !c.Authenticates(tls) {
				r.found(Problem, subject, a+" can be reached from other machines, and clients need not authenticate: anyone who connects can replace and delete everything",
					"set identities, or tls_client_ca, or listen on localhost")
			}
			if !tls {
				r.found(Warning, subject, a+" can be reached from other machines without TLS: keys, sizes and tokens can be read on the way, though values cannot",
					`set tls_cert and tls_key ("cryptomem certs" makes both) and listen on tls_addr`)
			}
		}
	}
	look(c.Addr, c.TLSOnly())
	look(c.TLSAddr, true)
	if !exposed {
		r.fine(subject, "only this machine")
	}
	for _, a := range c.Addr {
		if isUnix(a) && c.UnixMode&0o006 != 0 && c.Identities == "" {
			r.found(Warning, subject, fmt.Sprintf("every user of this machine may use the socket: unix_mode is %04o", c.UnixMode.Perm()), "set unix_mode: 0660 and share a group")
			break
		}
	}
}

func isUnix(addr string) bool {
	a, err := address.Parse(addr)
	return err == nil && a.Path != ""
}

// listing is the command that tells who listens on the address.
func listing(addr string) string {
	if isUnix(addr) {
		return "ss -lxp"
	}
	return "ss -ltnp"
}

// adminExposure checks who can reach the admin page.
func adminExposure(_ context.Context, r *serverReport) {
	const subject = "admin address"
	c := r.Config
	switch {
	case c.Admin == "":
		r.fine(subject, "none: no metrics, no health checks")
	case !address.IsLocal(c.Admin) && c.AdminPprof:
		r.found(Problem, subject, c.Admin+" can be reached from other machines, asks for no password, and serves profiles, which show memory and cost time",
			"set admin_pprof: false, or admin: localhost:8081")
	case !address.IsLocal(c.Admin):
		advice := "set admin: localhost:8081, or let a firewall allow the monitoring only"
		text := c.Admin + " can be reached from other machines and asks for no password"
		if c.RecordKeys {
			text += ", and shows keys"
			advice += "; set record_keys: false"
		}
		r.found(Warning, subject, text, advice)
	default:
		r.fine(subject, "%s, from this machine only", c.Admin)
	}
}
