package doctor

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/Zezezknight/cryptomem/cryptomem/config"
	"github.com/Zezezknight/cryptomem/cryptomem/stats"
	"github.com/Zezezknight/cryptomem/sealing"
	"github.com/Zezezknight/cryptomem/transport"
)

// askTimeout is how long a server may take to answer a few small questions.
const askTimeout = 5 * time.Second

// maxAnswers bounds what is read of a stranger's answer, in bytes.
const maxAnswers = 1 << 20

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
		r.unreachable(addr, err)
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
	answers, err := r.exchange(conn)
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
	var said stats.Report
	if json.Unmarshal(last.Value, &said) != nil || said.About.Now.IsZero() {
		r.found(Unknown, "clock", "the server does not tell the time", "")
		return
	}
	r.clock(said.About.Now, asked.Add(took/2), took)
	if need := uint64(said.About.MaxConnections) + spareFiles; said.Process.MaxFiles > 0 && said.Process.MaxFiles < need {
		r.found(Problem, "open files", fmt.Sprintf("the running server may have %d files open, but %d connections", said.Process.MaxFiles, said.About.MaxConnections),
			fmt.Sprintf("raise the limit where it is started (LimitNOFILE=%d in systemd)", need))
	}
}

// clock compares what both sides think of the time. Clients judge a value's
// expiry by their own clock.
func (r *report) clock(theirs, ours time.Time, took time.Duration) {
	skew := theirs.Sub(ours)
	if max(skew, -skew) <= sealing.DefaultSkew+took/2 {
		r.fine("clock", "server and client agree to within %v", (max(skew, -skew) + took/2).Round(10*time.Microsecond))
		return
	}
	direction := "ahead of"
	if skew < 0 {
		direction = "behind"
	}
	r.found(Problem, "clock", fmt.Sprintf("the server's clock is %v %s this machine's: values expire too early or too late", max(skew, -skew).Round(time.Millisecond), direction),
		"run NTP (systemd-timesyncd, chrony) on both")
}

func dial(ctx context.Context, addr string) (net.Conn, error) {
	var d net.Dialer
	if path, ok := strings.CutPrefix(addr, "unix:"); ok {
		return d.DialContext(ctx, "unix", path)
	}
	return d.DialContext(ctx, "tcp", addr)
}

func (r *report) unreachable(addr string, err error) {
	const subject = "server"
	var dns *net.DNSError
	switch {
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, os.ErrNotExist):
		r.found(Unknown, subject, "nobody listens on "+addr, "start it with cryptomem serve, and ask again")
	case errors.Is(err, os.ErrPermission):
		r.found(Problem, subject, "this user may not open "+addr, "join the group of the socket, or set unix_mode")
	case errors.As(err, &dns):
		r.found(Problem, subject, "the name in "+addr+" cannot be resolved: "+dns.Err, "correct addr, or DNS")
	default:
		r.found(Problem, subject, addr+" cannot be reached: "+err.Error(), "check the address, the route and the firewall in between")
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

// exchange asks for a sign of life and for the statistics. The error says that
// the answers are not cryptomem's.
func (r *report) exchange(conn net.Conn) ([]transport.Response, error) {
	requests := []transport.Request{
		{Command: transport.Ping, Value: []byte("doctor")},
		{Command: transport.Stats},
	}
	if r.Identity != "" {
		login := transport.Request{Command: transport.Auth, Key: []byte(r.Identity), Value: []byte(r.Token)}
		requests = append([]transport.Request{login}, requests...)
	}
	var out []byte
	for i := range requests {
		var err error
		if out, err = transport.AppendRequest(out, &requests[i]); err != nil {
			return nil, err
		}
	}
	if _, err := conn.Write(out); err != nil {
		return nil, err
	}
	in := make([]byte, 0, 16<<10)
	var answers []transport.Response
	for rest := in; len(answers) < len(requests); {
		answer, n, err := transport.ParseResponse(rest)
		switch {
		case err != nil:
			return nil, err
		case n > 0:
			answers = append(answers, transport.Response{Status: answer.Status, Value: bytes.Clone(answer.Value)})
			rest = rest[n:]
			continue
		case len(in) > maxAnswers:
			return nil, fmt.Errorf("its answer is longer than %s", config.FormatSize(maxAnswers))
		}
		used := len(in) - len(rest)
		in = append(in, make([]byte, 4<<10)...)
		got, err := conn.Read(in[len(in)-4<<10:])
		in = in[:len(in)-4<<10+got]
		rest = in[used:]
		if got == 0 && err != nil {
			if errors.Is(err, io.EOF) {
				err = errors.New("it hung up")
			}
			return nil, err
		}
	}
	return answers, nil
}
