package doctor

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"time"

	"github.com/Zezezknight/cryptomem/cryptomem/stats"
	"github.com/Zezezknight/cryptomem/transport"
)

// askTimeout is how long a server may take to answer a few small questions.
const askTimeout = 5 * time.Second

// reachability asks every address for an answer, and a server that is there
// what it thinks of the time and of its own limits.
func reachability(ctx context.Context, r *report) {
	c := r.Config
	for _, a := range c.Addr {
		r.ask(ctx, a, c.TLSOnly())
	}
	for _, a := range c.TLSAddr {
		r.ask(ctx, a, true)
	}
}

func (r *report) ask(ctx context.Context, addr string, secure bool) {
	const subject = "server"
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	conn, err := dial(ctx, addr)
	if err != nil {
		severity := Problem
		if isAbsent(err) {
			severity = Unknown // which a server that is to be started is
		}
		r.unreachable(severity, addr, err)
		return
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	if secure {
		over, ok := r.handshake(ctx, addr, conn)
		if !ok {
			return
		}
		conn = over
	}
	asked := r.Now()
	answers, err := exchange(conn, questions(r.Identity, []byte(r.Token)))
	took := r.Now().Sub(asked)
	if err != nil && secure && r.Config.TLSClientCA != "" && r.Config.TLSClientCert == "required" {
		r.answered = true
		r.fine(subject, "%s speaks TLS, and wants a client certificate before it says more", addr)
		return
	}
	if err != nil {
		advice := "find out what holds the port (ss -ltnp), or choose another addr"
		if !secure {
			advice += "; if it is a server that speaks TLS, ask with its configuration, tls_cert and tls_key included"
		}
		r.found(Problem, subject, addr+" is something else than cryptomem: "+err.Error(), advice)
		return
	}
	r.answered = true
	r.fine(subject, "%s answered in %v", addr, took.Round(time.Microsecond))
	last := answers[len(answers)-1]
	if last.Status != transport.OK {
		r.found(Unknown, "clock", "the server tells the time only to identities that may ask for statistics", "set CRYPTOMEM_IDENTITY and CRYPTOMEM_TOKEN to such a one")
		return
	}
	said := r.statistics(last.Value)
	if said == nil {
		return
	}
	r.clock(said.About.Now, asked.Add(took/2), took)
	if need := stats.FilesFor(said.Server.MaxConnections); said.Process.MaxFiles > 0 && said.Process.MaxFiles < need {
		r.found(Problem, "open files", fmt.Sprintf("the running server may have %d files open, but %d connections", said.Process.MaxFiles, said.Server.MaxConnections),
			fmt.Sprintf("raise the limit where it is started (LimitNOFILE=%d in systemd)", need))
	}
}

// handshake speaks TLS and compares the certificate that is shown with the one
// that is configured. Whom to trust is not the question here.
func (r *report) handshake(ctx context.Context, addr string, conn net.Conn) (net.Conn, bool) {
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
