package doctor

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/benbjohnson/clock"

	"github.com/Zezezknight/cryptomem/cryptomem/server/access"
	"github.com/Zezezknight/cryptomem/cryptomem/server/config"
	"github.com/Zezezknight/cryptomem/transport/address"
	"github.com/Zezezknight/cryptomem/transport/timeout"
)

// A Proxy is a proxy's set-up to be examined, on its machine. All but MaxFiles
// must be set.
type Proxy struct {
	Config  *config.Proxy
	KeyFile string
	Clock   clock.Clock
	// Files and connections that a process may have open; 0 leaves out what depends on it.
	MaxFiles uint64

	// Ping asks the upstream for a sign of life, as the proxy does. Its error
	// says what is wrong.
	Ping func(context.Context) error
}

// proxyReport is what is found out about a proxy's set-up.
type proxyReport struct {
	Proxy
	findings
	// keyCut of the key file; zero if there is none.
	keyCut time.Time
}

// proxyChecks in the order in which their findings are read.
var proxyChecks = []func(context.Context, *proxyReport){
	proxyReach, proxyPassword, proxyCertificate, proxyKey, proxyFreshness, proxyFiles, proxyUpstream, proxyAnswer,
}

// ExamineProxy runs every check of a proxy. ctx bounds those that ask the network.
func ExamineProxy(ctx context.Context, p Proxy) []Finding {
	r := &proxyReport{Proxy: p, findings: findings{clk: p.Clock}}
	for _, check := range proxyChecks {
		check(ctx, r)
	}
	return r.list
}

// proxyReach checks who can connect to the proxy, and so read everything.
func proxyReach(_ context.Context, r *proxyReport) {
	const subject = "who can connect"
	c := r.Config
	local := true
	for _, a := range c.Listen() {
		switch {
		case c.Exposed(a):
			local = false
			r.found(Problem, subject, a.String()+" can be reached from other machines: anyone who connects can read every value", "listen on localhost or a Unix socket, beside the program")
		case !a.IsLocal():
			local = false
			r.found(Warning, subject, a.String()+" can be reached from other machines: anyone who has the password can read every value", "run a proxy beside each program instead")
		case a.Path != "" && c.UnixMode&0o006 != 0:
			local = false
			r.found(Problem, subject, fmt.Sprintf("every user of this machine may use the socket %s and read every value: unix_mode is %04o", a.Path, c.UnixMode.Perm()), "set unix_mode: 0660 and share a group")
		case a.Path == "" && c.PasswordFile == "":
			local = false
			r.found(Warning, subject, "every user of this machine can connect to "+a.String()+" and read every value", "listen on a Unix socket, or set password_file, unless all of them may")
		}
	}
	if local {
		r.fine(subject, "those of this machine who %s", admitted(c))
	}
}

// admitted says who of this machine may connect, where other machines may not.
func admitted(c *config.Proxy) string {
	var who []string
	for _, a := range c.Listen() {
		one := "have the password"
		switch {
		case a.Path != "" && c.PasswordFile == "":
			one = "may open the socket"
		case a.Path != "":
			one = "may open the socket and have the password"
		}
		if !slices.Contains(who, one) {
			who = append(who, one)
		}
	}
	return strings.Join(who, ", or ")
}

func proxyPassword(_ context.Context, r *proxyReport) {
	const subject = "password"
	file := r.Config.PasswordFile
	if file == "" {
		r.fine(subject, "none is asked for")
		return
	}
	if _, err := access.ReadToken(file); err != nil {
		r.found(Problem, subject, err.Error(), remedy(err, "write the password into the file, alone in one line"))
		return
	}
	if !r.tooOpen(subject, file, othersAll, "anyone who has it can read every value") {
		r.fine(subject, "%s is %s", file, whose(file))
	}
}

func proxyCertificate(_ context.Context, r *proxyReport) {
	const subject = "certificate"
	c := r.Config
	if c.TLSCert == "" {
		r.fine(subject, "none: no TLS")
		return
	}
	cert := r.servedCertificate(subject, c.TLSCert, c.TLSKey)
	if cert != nil && !r.tooOpen("private key", c.TLSKey, othersAll, "anyone who has it can pass for this proxy") {
		r.fine(subject, "for %s, until %s", names(cert), inUTC(cert.NotAfter))
	}
}

func proxyKey(_ context.Context, r *proxyReport) {
	if r.KeyFile == "" {
		r.found(Problem, "sealing key", "no key file is named: a proxy seals, and does not start without", "set key_file")
		return
	}
	if keys := r.keyFile(r.KeyFile); keys != nil {
		r.keyCut = keys.NotBefore()
		// they were only looked at
		_ = keys.Close()
	}
}

func proxyFiles(_ context.Context, r *proxyReport) {
	if r.MaxFiles != 0 {
		r.tooFewFiles("open files", r.MaxFiles, r.Config.MaxConnections)
	}
}

func proxyUpstream(ctx context.Context, r *proxyReport) {
	const subject = "upstream"
	ctx, cancel := timeout.Context(ctx, r.clk, askTimeout)
	defer cancel()
	if err := r.Ping(ctx); err != nil {
		store := Client{Addr: r.Config.Upstream, Clock: r.clk, Timeout: askTimeout, TLS: r.Config.UpstreamTLS, CA: r.Config.UpstreamCA}
		if f, ok := Diagnose(ctx, store); ok {
			r.found(Problem, subject, f.Text, f.Advice)
			return
		}
		r.found(Problem, subject, err.Error(), "start it, or correct upstream and the settings that begin so")
		return
	}
	r.fine(subject, "it answers")
}

// proxyAnswer asks what listens where the proxy does whether it is one: a Redis
// there would keep everything in clear.
func proxyAnswer(ctx context.Context, r *proxyReport) {
	const subject = "proxy"
	for _, a := range r.Config.Listen() {
		if r.Config.TLSCert != "" {
			return // a client of its own would be needed
		}
		text, err := askInfo(ctx, r.clk, a)
		switch {
		case isAbsent(err), err != nil && a.Host == "::1":
			r.found(Unknown, subject, "nothing listens on "+a.String(), "start it with cryptomem proxy, and ask again")
		case errors.Is(err, os.ErrPermission):
			r.found(Unknown, subject, "this user may not open "+a.String(), "run this as the program's user")
		case err != nil:
			r.found(Problem, subject, a.String()+": "+err.Error(), "find out who listens there ("+listing(a.String())+")")
		case strings.Contains(text, "cryptomem proxy"):
			r.fine(subject, "it answers on %s", a)
		case strings.HasPrefix(text, "-NOAUTH"):
			r.fine(subject, "it answers on %s and wants the password", a)
		default:
			r.found(Problem, subject, a.String()+" is answered by something else than a cryptomem proxy: what programs store there is in clear", "end it, or let the proxy listen elsewhere")
		}
	}
}

// askInfo returns the beginning of the answer to INFO server.
func askInfo(ctx context.Context, clk clock.Clock, a address.Address) (string, error) {
	ctx, cancel := timeout.Context(ctx, clk, askTimeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, a.Network(), a.Target())
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	if _, err := conn.Write([]byte("INFO server\r\n")); err != nil {
		return "", err
	}
	const lines = 8
	in := bufio.NewReaderSize(conn, 4<<10)
	var text strings.Builder
	for range lines {
		line, err := in.ReadSlice('\n')
		text.Write(line)
		if err != nil || text.Len() > 0 && text.String()[0] == '-' {
			break
		}
	}
	if text.Len() == 0 {
		return "", errors.New("no answer to INFO")
	}
	return text.String(), nil
}
