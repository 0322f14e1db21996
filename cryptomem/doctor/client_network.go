package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/Zezezknight/cryptomem/transport/address"
	"github.com/Zezezknight/cryptomem/transport/timeout"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// contact asks whether the client gets through to a cryptomem server that knows
// it, and what that server thinks of the time.
func contact(parent context.Context, v *clientReport) {
	ctx, cancel := timeout.Context(parent, v.clk, v.Timeout/2)
	defer cancel()
	raw, err := address.Dial(ctx, v.Addr)
	if err != nil {
		v.unreachable(Problem, v.Addr, err)
		return
	}
	defer func() { _ = raw.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	defer stop()
	if v.unable {
		v.fine("server", "%s accepts connections; more was not asked", v.Addr)
		return
	}
	conn := raw
	if v.SpeaksTLS() {
		over, err := v.handshake(ctx, raw)
		if err != nil {
			v.noHandshake(parent, err)
			return
		}
		leaf := over.ConnectionState().PeerCertificates[0]
		if !v.expired("server certificate", "the certificate of "+v.Addr, leaf, renewElsewhere) {
			v.fine("server certificate", "for %s, until %s", names(leaf), inUTC(leaf.NotAfter))
		}
		conn = over
	}
	asked := v.clk.Now()
	answers, err := exchange(conn, questions(v.Identity, v.token))
	took := v.clk.Since(asked)
	if err != nil {
		v.noAnswer(parent, err, ctx.Err() != nil)
		return
	}
	if v.Identity != "" {
		if !v.admitted(answers[0]) {
			return
		}
		answers = answers[1:]
	}
	if v.welcomed(answers[0], took) {
		v.time(answers[1], asked, took)
	}
}

// handshake speaks TLS as the client commands do.
func (v *clientReport) handshake(ctx context.Context, conn net.Conn) (*tls.Conn, error) {
	cfg, err := v.TLSConfig()
	if err != nil {
		// unreachable: the files have been looked at
		cfg = &tls.Config{MinVersion: tls.VersionTLS13}
	}
	cfg.Time = v.clk.Now
	if cfg.ServerName == "" {
		cfg.ServerName = address.ServerName(v.Addr)
	}
	c := tls.Client(conn, cfg)
	return c, c.HandshakeContext(ctx)
}

// noHandshake says why there is no TLS.
func (v *clientReport) noHandshake(ctx context.Context, err error) {
	const subject = "server certificate"
	var (
		other     tls.RecordHeaderError
		authority x509.UnknownAuthorityError
		name      x509.HostnameError
		invalid   x509.CertificateInvalidError
	)
	switch {
	case errors.As(err, &other):
		v.speaksNoTLS(ctx)
	case errors.As(err, &authority):
		trusted := "any of the system's authorities"
		if v.CA != "" {
			trusted = "an authority in " + v.CA
		}
		v.found(Problem, subject, v.Addr+" shows a certificate that is not signed by "+trusted+": either it is another server, or the authority is missing",
			"set CRYPTOMEM_CA (--ca) to the certificate of the authority that signed it")
	case errors.As(err, &name):
		v.found(Problem, subject, v.Addr+" shows a certificate for "+names(name.Certificate)+", not for "+name.Host,
			"connect by a name that is in it, name one with --server-name, or have it issued for "+name.Host)
	case errors.As(err, &invalid) && v.expired(subject, "the certificate of "+v.Addr, invalid.Cert, renewElsewhere):
	case errors.As(err, &invalid):
		v.found(Problem, subject, v.Addr+" shows a certificate that cannot be used: "+err.Error(), "have it issued anew, for a server")
	case isLate(err) && v.isAnother(Identify(ctx, v.brief().plain(), v.Addr)):
	case isLate(err):
		v.silent()
	case strings.Contains(err.Error(), "protocol version"):
		v.found(Problem, "server", v.Addr+" speaks no TLS 1.3", "ask a cryptomem server: it speaks nothing older; or let what stands before it speak TLS 1.3")
	default:
		v.found(Problem, "server", "no TLS handshake with "+v.Addr+": "+err.Error(), "see whether it is the server's TLS address, and what the server's log says")
	}
}

// isLate reports whether err comes from the end of the time, which closes the connection.
func isLate(err error) bool { return isTimeout(err) || errors.Is(err, net.ErrClosed) }

// speaksNoTLS says what listens instead of a server with TLS.
func (v *clientReport) speaksNoTLS(ctx context.Context) {
	if v.isAnother(Identify(ctx, v.brief().plain(), v.Addr)) {
		return
	}
	ctx, cancel := timeout.Context(ctx, v.clk, v.brief().Timeout)
	defer cancel()
	conn, err := address.Dial(ctx, v.Addr)
	if err != nil {
		v.unreachable(Problem, v.Addr, err)
		return
	}
	defer conn.Close() //nolint:errcheck // it was only asked
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	if _, err := exchange(conn, questions("", nil)[:1]); err != nil {
		v.found(Problem, "server", v.Addr+" speaks neither TLS nor the protocol of cryptomem", adviceFor(v.Addr, UnknownService, Cryptomem))
		return
	}
	v.found(Problem, "server", v.Addr+" is a cryptomem server that does not speak TLS there, and this client does",
		"ask its tls_addr; or do without CRYPTOMEM_CA (--ca), CRYPTOMEM_CLIENT_CERT (--cert) and --tls")
}

// brief is the client with a quarter of its time: half has gone into waiting for an
// answer, and two more questions may follow.
func (v *clientReport) brief() Client {
	c := v.Client
	c.Timeout /= 4
	return c
}

// plain is the client without TLS.
func (c Client) plain() Client {
	c.TLS, c.CA, c.Cert, c.CertKey = false, "", "", ""
	return c
}

// noAnswer says why a server that took the connection does not answer, or not in
// time.
func (v *clientReport) noAnswer(ctx context.Context, err error, late bool) {
	switch {
	case !v.SpeaksTLS() && v.hearsTLS(ctx):
		v.found(Problem, "server", v.Addr+" speaks TLS, and this client does not",
			"set CRYPTOMEM_CA (--ca) to the certificate of the server's authority, or use --tls if the system trusts that authority")
	case v.isAnother(Identify(ctx, v.brief(), v.Addr)):
	case late || isTimeout(err):
		v.silent()
	case v.SpeaksTLS() && strings.Contains(err.Error(), "tls: certificate required"):
		v.found(Problem, "client certificate", v.Addr+" wants one, and there is none",
			"set CRYPTOMEM_CLIENT_CERT (--cert) and CRYPTOMEM_CLIENT_KEY (--cert-key); the server's operator issues them")
	case v.SpeaksTLS() && strings.Contains(err.Error(), "remote error: tls:"):
		v.found(Problem, "client certificate", v.Addr+" does not accept it: "+err.Error(), "have one issued by an authority in the server's tls_client_ca")
	default:
		v.found(Problem, "server", v.Addr+" does not answer like a cryptomem server: "+err.Error(), adviceFor(v.Addr, UnknownService, Cryptomem))
	}
}

func (v *clientReport) silent() {
	v.found(Problem, "server", v.Addr+" accepts connections but does not answer in time",
		"see whether it is a cryptomem server, and whether that is overloaded")
}

// isAnother notes that another service than cryptomem's was found at the address, if
// that is so.
func (v *clientReport) isAnother(found Service) bool {
	if found == UnknownService || found == Cryptomem {
		return false
	}
	v.found(Problem, "server", AnswersLike(v.Addr, found, Cryptomem), adviceFor(v.Addr, found, Cryptomem))
	return true
}

// hearsTLS reports whether the server answers a TLS handshake. Nothing is sent
// to it beyond that, so that it does not matter who it is.
func (v *clientReport) hearsTLS(ctx context.Context) bool {
	ctx, cancel := timeout.Context(ctx, v.clk, v.brief().Timeout)
	defer cancel()
	conn, err := address.Dial(ctx, v.Addr)
	if err != nil {
		return false
	}
	defer conn.Close() //nolint:errcheck // it was only asked
	return tls.Client(conn, anyCertificate()).HandshakeContext(ctx) == nil
}

// admitted judges the answer to AUTH.
func (v *clientReport) admitted(answer wire.Response) bool {
	const subject = "identity"
	switch answer.Status {
	case wire.OK:
		v.fine(subject, "%s, with its token", v.Identity)
		return true
	case wire.Denied:
		v.found(Problem, subject, fmt.Sprintf("the server does not accept %s with this token: %q", v.Identity, answer.Value),
			"compare both with the server's identities file; the server's log says which of them is wrong")
	case wire.Busy:
		v.busy(answer)
	default:
		v.old("AUTH", answer)
	}
	return false
}

// welcomed judges the answer to PING.
func (v *clientReport) welcomed(answer wire.Response, took time.Duration) bool {
	switch answer.Status {
	case wire.OK:
		v.welcome = true
		v.fine("server", "%s answered in %v", v.Addr, took.Round(time.Microsecond))
	case wire.Denied:
		v.found(Problem, "identity", v.Addr+" answers only clients that authenticate, and this one has no identity",
			"set CRYPTOMEM_IDENTITY (--identity) and CRYPTOMEM_TOKEN_FILE (--token-file); the server's operator makes both with \"cryptomem token\"")
	case wire.Busy:
		v.busy(answer)
	default:
		v.old("PING", answer)
	}
	return v.welcome
}

func (v *clientReport) old(question string, answer wire.Response) {
	v.found(Warning, "server", fmt.Sprintf("%s speaks an older protocol, with SET, GET and DELETE only: to %s it answers %q", v.Addr, question, answer.Value),
		"replace it by this release: batches, locks, statistics and authentication need more")
}

func (v *clientReport) busy(answer wire.Response) {
	v.found(Problem, "server", fmt.Sprintf("%s is at a limit: %q", v.Addr, answer.Value), "try again later; on the server, raise the limit or find out who uses it up")
}

// time judges the answer to STATS.
func (v *clientReport) time(answer wire.Response, asked time.Time, took time.Duration) {
	if answer.Status != wire.OK {
		v.found(Unknown, "clock", "the server tells the time only to identities that may ask for statistics", "ask with such a one, or see that NTP runs on both")
		return
	}
	if said := v.statistics(answer.Value); said != nil {
		v.clock(said.About.Now, asked.Add(took/2), took)
	}
}
