package doctor_test

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem/doctor"
	"github.com/Zezezknight/cryptomem/cryptomem/server/access"
	"github.com/Zezezknight/cryptomem/cryptomem/server/certs"
	"github.com/Zezezknight/cryptomem/cryptomem/valkeystore/valkeytest"
	"github.com/Zezezknight/cryptomem/sealing"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// A visitor is a client in good health, and the server that it is a client of.
type visitor struct {
	doctor.Client
	server *setup
}

// restart runs the server anew, as its configuration is now, and has the client
// ask there.
func (v *visitor) restart() {
	GinkgoHelper()
	v.server.serve()
	_, port, err := net.SplitHostPort(v.server.Config.Addr[0])
	Expect(err).NotTo(HaveOccurred())
	v.Addr = "localhost:" + port
}

// plain has both sides do without TLS.
func (v *visitor) plain() {
	v.server.Config.TLSCert, v.server.Config.TLSKey = "", ""
	v.CA = ""
	v.restart()
}

// identity replaces the one that there is.
func (v *visitor) identity(rights string) {
	token, hash := access.NewToken()
	v.TokenFile = v.server.write("ops.token", []byte(token+"\n"), 0o600)
	v.server.Config.Identities = v.server.write("identities.yaml", []byte("ops: {tokens: ['"+hash+"'], "+rights+"}"), 0o600)
	v.restart()
}

// issue gives the client a certificate.
func (v *visitor) issue(authority *certs.Authority, from, until time.Time) {
	GinkgoHelper()
	cert, key, err := authority.Issue([]string{"ops.example.com"}, certs.Span{From: from, Until: until})
	Expect(err).NotTo(HaveOccurred())
	v.Cert, v.CertKey = v.server.write("client.pem", cert, 0o644), v.server.write("client.key", key, 0o600)
}

// demandCertificate has the server ask for client certificates.
func (v *visitor) demandCertificate() {
	v.server.Config.TLSClientCA = v.CA
	v.restart()
}

func anotherAuthority() *certs.Authority {
	GinkgoHelper()
	authority, err := certs.NewAuthority(certs.Span{From: today.Add(-day), Until: today.Add(1000 * day)})
	Expect(err).NotTo(HaveOccurred())
	return authority
}

// pretend has the client ask something else than a cryptomem server, over TCP.
func (v *visitor) pretend(serve func(net.Conn)) {
	GinkgoHelper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(l.Close)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				serve(conn)
				_, _ = io.Copy(io.Discard, conn) // until the client hangs up
				_ = conn.Close()
			}()
		}
	}()
	v.Addr, v.CA, v.Identity, v.TokenFile = l.Addr().String(), "", "", ""
}

// always answers every request in the same way.
func always(status wire.Status, message string) func(net.Conn) {
	return func(conn net.Conn) {
		var in []byte
		for buffer := make([]byte, 1024); ; {
			n, err := conn.Read(buffer)
			if err != nil {
				return
			}
			in = append(in, buffer[:n]...)
			for {
				_, used, err := wire.ParseRequest(in)
				if err != nil || used == 0 {
					break
				}
				in = in[used:]
				_, _ = conn.Write(wire.AppendResponse(nil, status, []byte(message)))
			}
		}
	}
}

// answering says something to every client that says anything.
func answering(text string) func(net.Conn) {
	return func(conn net.Conn) {
		buffer := make([]byte, 1024)
		for {
			if _, err := conn.Read(buffer); err != nil {
				return
			}
			if _, err := io.WriteString(conn, text); err != nil {
				return
			}
		}
	}
}

// A patientConn hides what is no TLS handshake, as if more had to come first.
type patientConn struct {
	net.Conn
	wait  func() // lets time pass
	begun bool
}

func (c *patientConn) Read(b []byte) (int, error) {
	for {
		n, err := c.Conn.Read(b)
		c.begun = c.begun || n > 0 && b[0] == 22 // a handshake record
		if c.begun || err != nil {
			return n, err
		}
		c.wait()
	}
}

func healthyClient() *visitor {
	GinkgoHelper()
	v := &visitor{server: healthy()}
	ca, _, err := v.server.authority.PEM()
	Expect(err).NotTo(HaveOccurred())
	v.CA = v.server.write("ca.pem", ca, 0o644)
	v.KeyFile, v.Clock = v.server.KeyFile, v.server.Clock
	v.Identity, v.Namespace, v.Write = "ops", "shop", true
	v.identity("namespaces: [shop], stats: true")
	return v
}

var _ = Describe("A client in good health", func() {
	It("reports no problem, and lists everything that was checked", func(ctx context.Context) {
		v := healthyClient()
		findings := doctor.ExamineClient(ctx, v.Client)
		Expect(serious(findings)).To(BeEmpty())
		var subjects []string
		for _, f := range findings {
			subjects = append(subjects, f.Subject)
		}
		Expect(subjects).To(Equal([]string{"on the way", "authorities", "token", "sealing key", "server certificate", "identity", "server", "clock", "rights"}))
		Expect(findings[len(findings)-1].Text).To(Equal("may write, read and delete in the namespace shop"))
	})

	It("stores nothing unless it is told to", func(ctx context.Context) {
		v := healthyClient()
		v.identity("namespaces: [shop], read_only: true, stats: true")
		v.Write = false
		findings := doctor.ExamineClient(ctx, v.Client)
		Expect(serious(findings)).To(BeEmpty())
		Expect(findings[len(findings)-1].Text).To(Equal("may read in the namespace shop"))
	})

	It("may be held to a prefix, and may show a certificate in place of a token", func(ctx context.Context) {
		v := healthyClient()
		v.server.Config.Identities = v.server.write("identities.yaml", []byte("ops: {certificates: [ops.example.com], prefixes: [reports/], stats: true}"), 0o600)
		v.issue(v.server.authority, today.Add(-day), today.Add(100*day))
		v.demandCertificate()
		v.Identity, v.TokenFile, v.Namespace, v.Prefix = "", "", "", "reports/"
		findings := doctor.ExamineClient(ctx, v.Client)
		Expect(serious(findings)).To(BeEmpty())
		Expect(findings[len(findings)-1].Text).To(Equal("may write, read and delete without a namespace, under reports/"))
	})

	It("may have its secrets in the environment, and no TLS on its own machine", func(ctx context.Context) {
		v := healthyClient()
		v.plain()
		token, err := access.ReadToken(v.TokenFile)
		Expect(err).NotTo(HaveOccurred())
		v.TokenFile, v.Token = "", string(token)
		v.KeyFile, v.Secret = "", "your-32-byte-very-secret-key-!!!"
		findings := doctor.ExamineClient(ctx, v.Client)
		Expect(serious(findings)).To(BeEmpty())
		for _, f := range findings {
			Expect(f.Text).NotTo(Or(ContainSubstring(v.Token), ContainSubstring(v.Secret)))
		}
	})
})

var _ = DescribeTable("A client's planted mistake is found, named, and has a remedy",
	func(ctx context.Context, plant func(*visitor), severity doctor.Severity, subject, text, advice string) {
		v := healthyClient()
		plant(v)
		found := serious(doctor.ExamineClient(ctx, v.Client))
		Expect(found).To(HaveLen(1), "one mistake, one finding")
		Expect(found[0].Severity).To(Equal(severity))
		Expect(found[0].Subject).To(Equal(subject))
		Expect(found[0].Text).To(ContainSubstring(text))
		Expect(found[0].Advice).To(ContainSubstring(advice))
	},
	Entry("an address without port", func(v *visitor) { v.Addr = "localhost" },
		doctor.Problem, "server", "\"localhost\" is not an address: the port is missing", "localhost:8080"),
	Entry("a name that nobody knows", func(v *visitor) { v.Addr = "server.invalid:8080" },
		doctor.Problem, "server", "the name in server.invalid:8080 cannot be resolved", "DNS"),
	Entry("a server that is not there", func(v *visitor) { v.Addr = "unix:" + v.KeyFile + ".sock" },
		doctor.Problem, "server", "nothing listens on unix:", "cryptomem serve"),
	Entry("a socket of somebody else", func(v *visitor) { v.Addr = "unix:/dev/null/s" },
		doctor.Problem, "server", "cannot be reached", "check the address"),
	Entry("no TLS, where the server speaks it", func(v *visitor) { v.CA = "" },
		doctor.Problem, "server", "speaks TLS, and this client does not", "CRYPTOMEM_CA"),
	Entry("no TLS, where the server waits for it in silence", func(v *visitor) {
		source, err := certs.Load(certs.Files{Cert: v.server.Config.TLSCert, Key: v.server.Config.TLSKey})
		Expect(err).NotTo(HaveOccurred())
		v.Timeout = time.Minute
		wait := sync.OnceFunc(func() { v.server.clk.Add(v.Timeout / 2) })
		v.pretend(func(conn net.Conn) {
			patient := &patientConn{Conn: conn, wait: wait}
			_ = tls.Server(patient, source.Config()).Handshake()
		})
	}, doctor.Problem, "server", "speaks TLS, and this client does not", "CRYPTOMEM_CA"),
	Entry("TLS, where the server does not speak it", func(v *visitor) {
		ca := v.CA
		v.plain()
		v.CA = ca
	}, doctor.Problem, "server", "does not speak TLS there, and this client does", "tls_addr"),
	Entry("a web server", func(v *visitor) {
		web := httptest.NewServer(http.NotFoundHandler())
		DeferCleanup(web.Close)
		v.Addr, v.CA = web.Listener.Addr().String(), ""
	}, doctor.Problem, "server", "answers like an HTTP server, not like a cryptomem server", "ss -ltnp"),
	Entry("a web server on a Unix socket", func(v *visitor) {
		path := filepath.Join(GinkgoT().TempDir(), "s")
		l, err := net.Listen("unix", path)
		Expect(err).NotTo(HaveOccurred())
		web := &http.Server{Handler: http.NotFoundHandler()}
		go web.Serve(l) //nolint:errcheck // until it is closed
		DeferCleanup(web.Close)
		v.Addr, v.CA = "unix:"+path, ""
	}, doctor.Problem, "server", "answers like an HTTP server, not like a cryptomem server", "ss -lxp"),
	Entry("a Redis", func(v *visitor) {
		v.Addr, v.CA = valkeytest.Start(GinkgoTB()).Addr, ""
		v.Clock = clock.New()
	}, doctor.Problem, "server", "answers like a Redis", "write valkey://"),
	Entry("a Redis that wants a password, asked over TLS", func(v *visitor) {
		v.Addr = valkeytest.Start(GinkgoTB(), "--requirepass", "hidden").Addr
		v.Clock = clock.New()
	}, doctor.Problem, "server", "answers like a Redis", "write valkey://"),
	Entry("a memcached", func(v *visitor) { v.pretend(answering("ERROR\r\n")) },
		doctor.Problem, "server", "answers like memcached, not like a cryptomem server", "correct the address"),
	Entry("an SSH server", func(v *visitor) { v.pretend(answering("SSH-2.0-OpenSSH_9.6\r\n")) },
		doctor.Problem, "server", "answers like an SSH server", "correct the address"),
	Entry("a server that answers nothing known", func(v *visitor) { v.pretend(answering("220 mail.example.com\r\n")) },
		doctor.Problem, "server", `does not answer like a cryptomem server: bad magic`, "ss -ltnp"),
	Entry("a web server, asked over TLS", func(v *visitor) {
		web := httptest.NewServer(http.NotFoundHandler())
		DeferCleanup(web.Close)
		web.Config.ErrorLog = log.New(io.Discard, "", 0)
		v.Addr = web.Listener.Addr().String()
	}, doctor.Problem, "server", "answers like an HTTP server, not like a cryptomem server", "correct the address"),
	Entry("a listener that says nothing", func(v *visitor) {
		v.Timeout = time.Minute
		v.pretend(func(conn net.Conn) {
			if _, err := conn.Read(make([]byte, 1)); err == nil {
				v.server.clk.Add(v.Timeout)
			}
		})
	}, doctor.Problem, "server", "does not answer in time", "overloaded"),
	Entry("a server of an older protocol", func(v *visitor) { v.pretend(always(wire.Error, "unknown command")) },
		doctor.Warning, "server", `an older protocol, with SET, GET and DELETE only: to PING it answers "unknown command"`, "replace it"),
	Entry("a server of an older protocol, and an identity", func(v *visitor) {
		v.pretend(always(wire.Error, "unknown command"))
		v.Identity, v.Token = "ops", "guessed"
	}, doctor.Warning, "server", "to AUTH it answers", "replace it"),
	Entry("a server at its limit", func(v *visitor) { v.pretend(always(wire.Busy, "busy: 1 connections are open")) },
		doctor.Problem, "server", `is at a limit: "busy: 1 connections are open"`, "try again later"),
	Entry("no TLS on a network", func(v *visitor) {
		v.plain()
		v.Addr = strings.Replace(v.Addr, "localhost", "0.0.0.0", 1)
	}, doctor.Warning, "on the way", "and the token, with which anybody can pass for ops", "tls_cert"),
	Entry("authorities that are none", func(v *visitor) { v.CA = v.KeyFile },
		doctor.Problem, "authorities", "holds no certificate in PEM form", "ca.pem"),
	Entry("authorities that are missing", func(v *visitor) { v.CA += ".old" },
		doctor.Problem, "authorities", "no such file", "CRYPTOMEM_CA"),
	Entry("another authority than the server's", func(v *visitor) {
		ca, _, err := anotherAuthority().PEM()
		Expect(err).NotTo(HaveOccurred())
		v.CA = v.server.write("other.pem", ca, 0o644)
	}, doctor.Problem, "server certificate", "not signed by an authority in ", "the authority that signed it"),
	Entry("no authority at all", func(v *visitor) { v.CA, v.TLS = "", true },
		doctor.Problem, "server certificate", "not signed by any of the system's authorities", "CRYPTOMEM_CA"),
	Entry("a server with another name", func(v *visitor) { v.Addr = strings.Replace(v.Addr, "localhost", "127.0.0.1", 1) },
		doctor.Problem, "server certificate", "shows a certificate for localhost, not for 127.0.0.1", "--server-name"),
	Entry("a server whose certificate has expired", func(v *visitor) {
		v.server.issue("localhost", today.Add(-100*day), today.Add(-day))
		v.restart()
	}, doctor.Problem, "server certificate", "expired on 2026-11-21 12:00:00 UTC", "tell the server's operator, or check this machine's clock"),
	Entry("a server whose certificate will expire soon", func(v *visitor) {
		v.server.issue("localhost", today.Add(-day), today.Add(10*day))
		v.restart()
	}, doctor.Warning, "server certificate", "expires on 2026-12-02 12:00:00 UTC", "tell the server's operator"),
	Entry("half a client certificate", func(v *visitor) { v.Cert = v.CA },
		doctor.Problem, "client certificate", "only one of them is named", "CRYPTOMEM_CLIENT_KEY"),
	Entry("a client certificate with another key", func(v *visitor) {
		v.issue(v.server.authority, today.Add(-day), today.Add(100*day))
		v.CertKey = v.server.Config.TLSKey
	}, doctor.Problem, "client certificate", "private key does not match", "the key that belongs to it"),
	Entry("a client's private key for everybody", func(v *visitor) {
		v.issue(v.server.authority, today.Add(-day), today.Add(100*day))
		Expect(os.Chmod(v.CertKey, 0o644)).To(Succeed())
	}, doctor.Problem, "client certificate", "mode is 0644: anyone who has it can pass for this client", "chmod 0600"),
	Entry("a client certificate that will expire soon", func(v *visitor) {
		v.issue(v.server.authority, today.Add(-day), today.Add(day))
	}, doctor.Warning, "client certificate", "expires on 2026-11-23", "replace it"),
	Entry("no client certificate, where the server wants one", func(v *visitor) { v.demandCertificate() },
		doctor.Problem, "client certificate", "wants one, and there is none", "CRYPTOMEM_CLIENT_CERT"),
	Entry("a client certificate that the server does not accept", func(v *visitor) {
		v.issue(anotherAuthority(), today.Add(-day), today.Add(100*day))
		v.demandCertificate()
	}, doctor.Problem, "client certificate", "does not accept it", "tls_client_ca"),
	Entry("no identity", func(v *visitor) { v.Identity, v.TokenFile = "", "" },
		doctor.Problem, "identity", "only clients that authenticate", "CRYPTOMEM_IDENTITY"),
	Entry("an identity without token", func(v *visitor) { v.TokenFile = "" },
		doctor.Problem, "token", "there is none for the identity ops", "CRYPTOMEM_TOKEN_FILE"),
	Entry("a token file that is missing", func(v *visitor) { v.TokenFile += ".old" },
		doctor.Problem, "token", "no such file", "CRYPTOMEM_TOKEN_FILE"),
	Entry("a token file that is empty", func(v *visitor) { v.TokenFile = v.server.write("empty", []byte("\n"), 0o600) },
		doctor.Problem, "token", "is empty", "cryptomem token"),
	Entry("a token for everybody", func(v *visitor) { Expect(os.Chmod(v.TokenFile, 0o644)).To(Succeed()) },
		doctor.Problem, "token", "mode is 0644: anyone who has it can pass for ops", "chmod 0600"),
	Entry("a token without identity", func(v *visitor) {
		v.server.Config.Identities = ""
		v.restart()
		v.Identity = ""
	}, doctor.Warning, "token", "no identity to go with it", "CRYPTOMEM_IDENTITY"),
	Entry("a wrong token", func(v *visitor) { v.TokenFile = v.server.write("wrong", []byte("guessed"), 0o600) },
		doctor.Problem, "identity", "does not accept ops with this token", "identities file"),
	Entry("no sealing key", func(v *visitor) { v.KeyFile = "" },
		doctor.Problem, "sealing key", "nothing can be sealed or opened", "CRYPTOMEM_KEY_FILE"),
	Entry("two sealing keys", func(v *visitor) { v.Secret = "your-32-byte-very-secret-key-!!!" },
		doctor.Problem, "sealing key", "CRYPTOMEM_KEY_FILE and CRYPTOMEM_KEY are both set", "unset the one"),
	Entry("two tokens", func(v *visitor) { v.Token = "guessed" },
		doctor.Problem, "token", "CRYPTOMEM_TOKEN_FILE and CRYPTOMEM_TOKEN are both set", "unset one"),
	Entry("a secret that is plainly hexadecimal", func(v *visitor) { v.KeyFile, v.Secret = "", "0123456789abcdef0123456789abcdef" },
		doctor.Warning, "sealing key", "128 bits", "cryptomem keygen"),
	Entry("a sealing key that is missing", func(v *visitor) { v.KeyFile += ".old" },
		doctor.Problem, "sealing key", "does not exist", "cryptomem keygen"),
	Entry("a sealing key for everybody", func(v *visitor) { Expect(os.Chmod(v.KeyFile, 0o640)).To(Succeed()) },
		doctor.Problem, "sealing key", "can read every value", "chmod 0600"),
	Entry("a sealing key that everybody could have put there", func(v *visitor) {
		dir := filepath.Join(filepath.Dir(v.KeyFile), "open")
		Expect(os.Mkdir(dir, 0o700)).To(Succeed())
		Expect(os.Chmod(dir, 0o777)).To(Succeed())
		Expect(os.Rename(v.KeyFile, filepath.Join(dir, "key.json"))).To(Succeed())
		v.KeyFile = filepath.Join(dir, "key.json")
	}, doctor.Problem, "sealing key", "where everyone may put another in its place (mode 0777): anyone who puts a key there", "chmod o-w"),
	Entry("a sealing key that is none", func(v *visitor) { v.KeyFile = v.TokenFile },
		doctor.Problem, "sealing key", "ops.token", "cryptomem keygen"),
	Entry("a sealing key that is a directory", func(v *visitor) { v.KeyFile = filepath.Dir(v.KeyFile) },
		doctor.Problem, "sealing key", "it is a directory", "name a file"),
	Entry("a namespace with a very long name", func(v *visitor) { v.Namespace = strings.Repeat("n", 256) },
		doctor.Problem, "namespace", "its name is 256 bytes, limit 255", "shorter"),
	Entry("the key file of another namespace", func(v *visitor) {
		roots, err := sealing.ReadKeyFile(v.KeyFile)
		Expect(err).NotTo(HaveOccurred())
		alice, err := roots.Derive("alice")
		Expect(err).NotTo(HaveOccurred())
		v.KeyFile = filepath.Join(filepath.Dir(v.KeyFile), "alice.json")
		Expect(alice.CreateFile(v.KeyFile)).To(Succeed())
	}, doctor.Problem, "namespace", `the key file is of the namespace "alice" alone, and cannot be used for "shop"`, "cryptomem keygen derive"),
	Entry("a cut that is no time", func(v *visitor) { v.NotBefore = "yesterday" },
		doctor.Problem, "cut", `CRYPTOMEM_NOT_BEFORE (--not-before): "yesterday" is not a time`, "write the time so"),
	Entry("a secret that is too short", func(v *visitor) { v.KeyFile, v.Secret = "", "hunter2" },
		doctor.Problem, "sealing key", "CRYPTOMEM_KEY: ", "32 random bytes"),
	Entry("another namespace than the identity's", func(v *visitor) { v.Namespace = "accounts" },
		doctor.Problem, "rights", "ops may not read in the namespace accounts", "correct --namespace"),
	Entry("no namespace, where the identity has one", func(v *visitor) { v.Namespace = "" },
		doctor.Problem, "rights", "ops may not read without a namespace", "name the namespace"),
	Entry("an identity that may only read", func(v *visitor) { v.identity("namespaces: [shop], stats: true, read_only: true") },
		doctor.Problem, "rights", "ops may not write in the namespace shop", "read_only"),
	Entry("an identity held to tiny values", func(v *visitor) { v.identity("namespaces: [shop], stats: true, max_value_size: 16B") },
		doctor.Problem, "rights", "storing a value fails: server: value is 89 bytes, limit 16", "cryptomem stats"),
	Entry("an identity whose share of the store is used up", func(v *visitor) {
		v.Prefix = strings.Repeat("long", 250)
		v.identity("namespaces: [shop], stats: true, max_memory: 1KiB")
	},
		doctor.Problem, "rights", "storing a value fails: server: full: account limit reached", "cryptomem stats"),
	Entry("an identity that may not ask for the time", func(v *visitor) { v.identity("namespaces: [shop]") },
		doctor.Unknown, "clock", "only to identities that may ask for statistics", "NTP"),
	Entry("a clock that is ahead", func(v *visitor) { v.server.said.About.Now = today.Add(time.Minute) },
		doctor.Problem, "clock", "1m0s ahead of", "NTP"),
	Entry("a clock that is behind", func(v *visitor) { v.server.said.About.Now = today.Add(-time.Hour) },
		doctor.Problem, "clock", "1h0m0s behind", "NTP"),
)

var _ = It("A client's secret is never repeated", func(ctx context.Context) {
	v := healthyClient()
	v.KeyFile, v.Secret = "", "hunter2"
	v.TokenFile, v.Token = "", "guessed"
	for _, f := range doctor.ExamineClient(ctx, v.Client) {
		Expect(f.Text + f.Advice).NotTo(Or(ContainSubstring("hunter2"), ContainSubstring("guessed")))
	}
})
