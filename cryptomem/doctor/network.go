package doctor

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/Zezezknight/cryptomem/cryptomem/quantity"
	"github.com/Zezezknight/cryptomem/cryptomem/server/stats"
	"github.com/Zezezknight/cryptomem/transport/address"
	"github.com/Zezezknight/cryptomem/transport/timeout"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// askTimeout is how long a server may take to answer a few small questions.
const askTimeout = 5 * time.Second

// reachability asks every address for an answer, and a server that is there
// what it thinks of the time and of its own limits.
func reachability(ctx context.Context, r *serverReport) {
	c := r.Config
	for _, a := range c.Addr {
		r.ask(ctx, a, c.TLSOnly())
	}
	for _, a := range c.TLSAddr {
		r.ask(ctx, a, true)
	}
}

func (r *serverReport) ask(ctx context.Context, addr string, secure bool) {
	const subject = "server"
	ctx, cancel := timeout.Context(ctx, r.clk, askTimeout)
	defer cancel()
	raw, err := address.Dial(ctx, addr)
	if err != nil {
		severity := Problem
		if isAbsent(err) {
			severity = Unknown // which a server that is to be started is
		}
		r.unreachable(severity, addr, err)
		return
	}
	defer func() { _ = raw.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	defer stop()
	conn := raw
	if secure {
		over, ok := r.handshake(ctx, addr, raw)
		if !ok {
			return
		}
		conn = over
	}
	asked := r.clk.Now()
	answers, err := exchange(conn, questions(r.Identity, []byte(r.Token)))
	took := r.clk.Since(asked)
	if err != nil && secure && r.Config.TLSClientCA != "" && r.Config.TLSClientCert == "required" {
		r.answered = true
		r.fine(subject, "a server answers at %s, and wants a client certificate before it says more; if it is not the one of this configuration, a start will fail", addr)
		return
	}
	if err != nil {
		text := addr + " does not answer like a cryptomem server: " + err.Error()
		if found := Identify(ctx, Client{Clock: r.clk, Timeout: askTimeout, TLS: secure}, addr); found != UnknownService && found != Cryptomem {
			text = AnswersLike(addr, found, Cryptomem)
		}
		advice := "find out who listens there (" + listing(addr) + "), or choose another addr"
		if !secure {
			advice += "; if it is a server that speaks TLS, ask with its configuration, tls_cert and tls_key included"
		}
		r.found(Problem, subject, text, advice)
		return
	}
	r.answered = true
	r.judgeServer(addr, answers[len(answers)-1], asked, took)
}

// judgeServer judges a running server by its answer to STATS.
func (r *serverReport) judgeServer(addr string, last wire.Response, asked time.Time, took time.Duration) {
	const subject = "server"
	r.fine(subject, "a server answers at %s in %v%s; if it is not the one of this configuration, a start will fail", addr, took.Round(time.Microsecond), whichServer(last))
	if last.Status != wire.OK {
		r.found(Unknown, "clock", "the server tells the time only to identities that may ask for statistics", "set CRYPTOMEM_IDENTITY and CRYPTOMEM_TOKEN_FILE to those of such a one")
		return
	}
	said := r.statistics(last.Value)
	if said == nil {
		return
	}
	r.clock(said.About.Now, asked.Add(took/2), took)
	// 0 is chosen at the start
	if here := r.Config.MaxMemory; here != 0 && said.Cache.MaxMemory != here {
		r.found(Warning, "memory", fmt.Sprintf("the running server has max_memory %s, the configuration %s: it needs a restart", quantity.FormatSize(said.Cache.MaxMemory), quantity.FormatSize(here)),
			"restart it, or see which configuration it was started with")
	}
	if need := stats.FilesFor(said.Server.MaxConnections); said.Process.MaxFiles > 0 && said.Process.MaxFiles < need {
		r.found(Problem, "open files", fmt.Sprintf("the running server may have %d files open, but %d connections", said.Process.MaxFiles, said.Server.MaxConnections),
			fmt.Sprintf("raise the limit where it is started (LimitNOFILE=%d in systemd)", need))
	}
}

// whichServer is what the answer to STATS says about who it is from, in
// brackets; nothing if it does not.
func whichServer(answer wire.Response) string {
	var said stats.Report
	if answer.Status != wire.OK || json.Unmarshal(answer.Value, &said) != nil || said.About.Started.IsZero() {
		return ""
	}
	return fmt.Sprintf(" (cryptomem %s, started %s, addr %s)", said.About.Version, said.About.Started.UTC().Format(time.RFC3339), strings.Join(said.About.Addr, ", "))
}

// adminTaken asks, where no server of this configuration runs, whether another
// process has its admin address.
func adminTaken(ctx context.Context, r *serverReport) {
	addr := r.Config.Admin
	if addr == "" || r.answered {
		return // the server that answers is taken to be the one that has it
	}
	ctx, cancel := timeout.Context(ctx, r.clk, askTimeout)
	defer cancel()
	conn, err := address.Dial(ctx, addr)
	if err != nil {
		return
	}
	// it was only asked for
	_ = conn.Close()
	r.found(Problem, "admin address", "another process listens on "+addr+", and no server of this configuration runs: a start will fail",
		"find out who listens there ("+listing(addr)+"), or choose another admin address")
}

// handshake speaks TLS and compares the certificate that is shown with the one that is
// configured. Trust is checked elsewhere.
func (r *serverReport) handshake(ctx context.Context, addr string, conn net.Conn) (net.Conn, bool) {
	c := tls.Client(conn, &tls.Config{
		MinVersion:         tls.VersionTLS13,
		InsecureSkipVerify: true, //nolint:gosec // the certificate is compared below, byte for byte
	})
	if err := c.HandshakeContext(ctx); err != nil {
		r.found(Problem, "server", "no TLS handshake with "+addr+": "+err.Error(), "check that the running server has this configuration")
		return nil, false
	}
	configured, err := readCertificate(r.Config.TLSCert)
	if err == nil && !bytes.Equal(configured.Raw, c.ConnectionState().PeerCertificates[0].Raw) {
		r.found(Warning, "server", addr+" shows another certificate than the one in "+r.Config.TLSCert, "send it SIGHUP, or see in its log why it keeps the old one")
	}
	return c, true
}
