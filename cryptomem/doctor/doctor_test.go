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
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem/doctor"

	"github.com/Zezezknight/cryptomem/cryptomem/server"
	"github.com/Zezezknight/cryptomem/cryptomem/server/access"
	"github.com/Zezezknight/cryptomem/cryptomem/server/certs"
	"github.com/Zezezknight/cryptomem/cryptomem/server/config"
	"github.com/Zezezknight/cryptomem/cryptomem/server/stats"
	"github.com/Zezezknight/cryptomem/sealing"
)

// today is what every clock says.
var today = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// A setup is a patient in good health: a running server with TLS, a token, a
// key, and a place for its snapshot. Specs plant their mistakes in it.
type setup struct {
	doctor.Setup
	clk       *clock.Mock // the Clock
	authority *certs.Authority
	said      stats.Report // what the server says about itself
}

const day = 24 * time.Hour

func (s *setup) write(name string, text []byte, mode os.FileMode) string {
	GinkgoHelper()
	file := filepath.Join(filepath.Dir(s.KeyFile), name)
	Expect(os.WriteFile(file, text, 0o600)).To(Succeed())
	Expect(os.Chmod(file, mode)).To(Succeed())
	return file
}

func (s *setup) issue(name string, from, until time.Time) {
	GinkgoHelper()
	cert, key, err := s.authority.Issue([]string{name}, certs.Span{From: from, Until: until})
	Expect(err).NotTo(HaveOccurred())
	s.Config.TLSCert = s.write("server.pem", cert, 0o644)
	s.Config.TLSKey = s.write("server.key", key, 0o600)
}

// serve runs the server that the configuration is about.
func (s *setup) serve() {
	GinkgoHelper()
	config := server.Config{
		MaxMemory: 256 << 20, MaxConnections: 1000,
		Sections: func() map[string]any { return map[string]any{"about": s.said.About, "process": s.said.Process} },
	}
	if s.Config.Identities != "" {
		identities, err := access.Load(s.Config.Identities)
		Expect(err).NotTo(HaveOccurred())
		config.Authenticator = identities
	}
	srv, err := server.New(config)
	Expect(err).NotTo(HaveOccurred())
	var l net.Listener
	l, err = net.Listen("tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	addr := l.Addr().String()
	if s.Config.TLSCert != "" {
		source, err := certs.Load(certs.Files{Cert: s.Config.TLSCert, Key: s.Config.TLSKey, ClientCA: s.Config.TLSClientCA})
		Expect(err).NotTo(HaveOccurred())
		l = tls.NewListener(l, source.Config())
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	DeferCleanup(func() {
		Expect(srv.Close()).To(Succeed())
		Expect(<-served).To(MatchError(server.ErrServerClosed))
	})
	s.Config.Addr = []string{addr}
}

// everywhere is the server's address as one that other machines reach, too.
func (s *setup) everywhere() []string {
	_, port, err := net.SplitHostPort(s.Config.Addr[0])
	Expect(err).NotTo(HaveOccurred())
	return []string{net.JoinHostPort("0.0.0.0", port)}
}

func healthy() *setup {
	GinkgoHelper()
	dir := GinkgoT().TempDir()
	s := &setup{}
	s.KeyFile = filepath.Join(dir, "key.json")
	kr, err := sealing.NewKeyring(today)
	Expect(err).NotTo(HaveOccurred())
	Expect(kr.CreateFile(s.KeyFile)).To(Succeed())
	s.Config = config.Default()
	s.authority, err = certs.NewAuthority(certs.Span{From: today.Add(-day), Until: today.Add(1000 * day)})
	Expect(err).NotTo(HaveOccurred())
	s.issue("localhost", today.Add(-day), today.Add(100*day))
	token, hash := access.NewToken()
	s.Identity, s.Token = "ops", token
	s.Config.Identities = s.write("identities.yaml", []byte("ops: {tokens: ['"+hash+"'], prefixes: [''], stats: true}"), 0o600)
	s.Config.MaxMemory = 256 << 20
	s.Config.Admin = "localhost:1" // where nothing listens
	s.Config.Snapshot = filepath.Join(dir, "store.snapshot")
	s.Memory, s.MaxFiles = 4<<30, 1<<20
	s.clk = clock.NewMock()
	s.clk.Set(today)
	s.Clock = s.clk
	s.said.About = stats.About{Now: today, Started: today.Add(-day)}
	s.said.Process.MaxFiles = 4096
	s.serve()
	return s
}

func serious(findings []doctor.Finding) (list []doctor.Finding) {
	for _, f := range findings {
		if f.Severity != doctor.Fine {
			list = append(list, f)
		}
	}
	return list
}

var _ = Describe("A set-up in good health", func() {
	It("reports no problem, and lists everything that was checked", func(ctx context.Context) {
		s := healthy()
		findings := doctor.Examine(ctx, s.Setup)
		Expect(serious(findings)).To(BeEmpty())
		Expect(len(findings)).To(BeNumerically(">=", 11))
		for _, f := range findings {
			Expect(f.Advice).To(BeEmpty(), f.Subject)
			Expect(f.Text).NotTo(ContainSubstring(s.Token))
		}
	})
})

var _ = Describe("A server that answers", func() {
	It("is named, since it may be another one than the configured", func(ctx context.Context) {
		s := healthy()
		s.said.About.Version, s.said.About.Addr = "v1.2.3", []string{"localhost:9", "localhost:10"}
		var texts []string
		for _, f := range doctor.Examine(ctx, s.Setup) {
			texts = append(texts, f.Text)
		}
		Expect(texts).To(ContainElement(And(
			HavePrefix("a server answers at "+s.Config.Addr[0]+" in "),
			HaveSuffix(" (cryptomem v1.2.3, started 2026-11-21T12:00:00Z, addr localhost:9, localhost:10); if it is not the one of this configuration, a start will fail"),
		)))
	})
})

var _ = DescribeTable("A planted mistake is found, named, and has a remedy",
	func(ctx context.Context, plant func(*setup), severity doctor.Severity, subject, text, advice string) {
		s := healthy()
		plant(s)
		found := serious(doctor.Examine(ctx, s.Setup))
		Expect(found).To(HaveLen(1), "one mistake, one finding")
		Expect(found[0].Severity).To(Equal(severity))
		Expect(found[0].Subject).To(Equal(subject))
		Expect(found[0].Text).To(ContainSubstring(text))
		Expect(found[0].Advice).To(ContainSubstring(advice))
	},
	Entry("strangers who need not authenticate", func(s *setup) {
		s.Config.TLSAddr, s.Config.Addr = s.everywhere(), nil
		s.Config.Identities, s.Config.AllowUnauthenticated = "", true
	}, doctor.Problem, "who can connect", "clients need not authenticate", "set identities"),
	Entry("strangers without TLS", func(s *setup) {
		s.Config.TLSCert, s.Config.TLSKey = "", ""
		s.serve()
		s.Config.Addr = s.everywhere()
	}, doctor.Warning, "who can connect", "without TLS", "cryptomem certs"),
	Entry("profiles for everybody", func(s *setup) { s.Config.Admin, s.Config.AdminPprof = "0.0.0.0:8081", true },
		doctor.Problem, "admin address", "serves profiles", "admin_pprof: false"),
	Entry("keys shown to everybody", func(s *setup) { s.Config.Admin, s.Config.RecordKeys = "0.0.0.0:8081", true },
		doctor.Warning, "admin address", "and shows keys", "record_keys: false"),
	Entry("identities that do not parse", func(s *setup) { s.Config.Identities = s.write("bad.yaml", []byte("web: {colour: blue}"), 0o600) },
		doctor.Problem, "identities", "colour", "mend the file"),
	Entry("identities that are nobody", func(s *setup) { s.Config.Identities = s.write("empty.yaml", nil, 0o600) },
		doctor.Problem, "identities", "names no identity", "mend the file"),
	Entry("identities that anyone may change", func(s *setup) { Expect(os.Chmod(s.Config.Identities, 0o666)).To(Succeed()) },
		doctor.Problem, "identities", "mode is 0666", "chmod 0644"),
	Entry("a certificate that has expired", func(s *setup) {
		s.issue("localhost", today.Add(-100*day), today.Add(-day))
		s.serve()
	}, doctor.Problem, "certificate", "expired on 2026-11-21 12:00:00 UTC", "replace it"),
	Entry("a certificate of tomorrow", func(s *setup) {
		s.issue("localhost", today.Add(day), today.Add(100*day))
		s.serve()
	}, doctor.Problem, "certificate", "valid from 2026-11-23 12:00:00 UTC on only", "clock"),
	Entry("a certificate that will expire soon", func(s *setup) {
		s.issue("localhost", today.Add(-day), today.Add(10*day))
		s.serve()
	}, doctor.Warning, "certificate", "expires on 2026-12-02", "replace it"),
	Entry("a key that belongs to another certificate", func(s *setup) {
		_, key, err := s.authority.Issue([]string{"localhost"}, certs.Span{From: today, Until: today.Add(day)})
		Expect(err).NotTo(HaveOccurred())
		s.Config.TLSKey = s.write("other.key", key, 0o600)
	}, doctor.Problem, "certificate", "private key does not match", "key that belongs to it"),
	Entry("a key that is missing", func(s *setup) { s.Config.TLSKey += ".old" },
		doctor.Problem, "certificate", "no such file", "cryptomem certs"),
	Entry("a certificate that the server has not read yet", func(s *setup) { s.issue("localhost", today.Add(-day), today.Add(200*day)) },
		doctor.Warning, "server", "another certificate", "SIGHUP"),
	Entry("authorities that are none", func(s *setup) {
		s.Config.TLSClientCA, s.Config.TLSClientCert = s.write("ca.pem", []byte("none"), 0o644), "optional"
	}, doctor.Problem, "client authorities", "no certificate in PEM form", "tls_client_ca"),
	Entry("a private key for everybody", func(s *setup) { Expect(os.Chmod(s.Config.TLSKey, 0o644)).To(Succeed()) },
		doctor.Problem, "private key", "mode is 0644", "chmod 0600"),
	Entry("a sealing key for everybody", func(s *setup) { Expect(os.Chmod(s.KeyFile, 0o640)).To(Succeed()) },
		doctor.Problem, "sealing key", "can read every value", "chmod 0600"),
	Entry("a sealing key that is none", func(s *setup) { s.write("key.json", []byte("secret"), 0o600) },
		doctor.Problem, "sealing key", "key.json", "cryptomem keygen"),
	Entry("a snapshot without a directory", func(s *setup) { s.Config.Snapshot = "/nowhere/at/all" },
		doctor.Problem, "snapshot", "there is no directory /nowhere/at", "create the directory"),
	Entry("a snapshot that is something else", func(s *setup) { s.write("store.snapshot", []byte("a diary"), 0o600) },
		doctor.Problem, "snapshot", "not a snapshot", "move the file away"),
	Entry("a snapshot of an older format", func(s *setup) { s.write("store.snapshot", []byte("CMSNAP\x00\x01 and so on"), 0o600) },
		doctor.Problem, "snapshot", "it has format 1, this version reads 2", "move the file away"),
	Entry("a snapshot without a byte", func(s *setup) { s.write("store.snapshot", nil, 0o600) },
		doctor.Warning, "snapshot", "is empty", "find out what emptied it"),
	Entry("more memory than there is", func(s *setup) { s.Memory = 300 << 20 },
		doctor.Problem, "memory", "this machine or its control group has 300MiB", "lower both"),
	Entry("a snapshot that is no file", func(s *setup) { s.Config.Snapshot = filepath.Dir(s.Config.Snapshot) },
		doctor.Problem, "snapshot", "it is a directory, not a file", "set snapshot to a file in a directory"),
	Entry("more connections than files", func(s *setup) { s.MaxFiles = 1024 },
		doctor.Problem, "open files", "1024 files", "ulimit -n"),
	Entry("a running server with fewer files than connections", func(s *setup) { s.said.Process.MaxFiles = 256 },
		doctor.Problem, "open files", "the running server may have 256 files", "LimitNOFILE"),
	Entry("a running server with other memory than configured", func(s *setup) { s.Config.MaxMemory = 512 << 20 },
		doctor.Warning, "memory", "the running server has max_memory 256MiB, the configuration 512MiB: it needs a restart", "restart it"),
	Entry("a store that fills up for good", func(s *setup) { s.Config.Eviction = "none" },
		doctor.Warning, "full store", "until every write is refused", "default_ttl"),
	Entry("a clock that is ahead", func(s *setup) { s.said.About.Now = today.Add(time.Minute) },
		doctor.Problem, "clock", "1m0s ahead of", "NTP"),
	Entry("a clock that is behind", func(s *setup) { s.said.About.Now = today.Add(-time.Hour) },
		doctor.Problem, "clock", "1h0m0s behind", "NTP"),
	Entry("an identity that the server does not know", func(s *setup) { s.Token = "guessed" },
		doctor.Unknown, "clock", "only to identities", "CRYPTOMEM_IDENTITY"),
	Entry("a web server on the port", func(s *setup) {
		web := httptest.NewTLSServer(http.NotFoundHandler())
		DeferCleanup(web.Close)
		web.Config.ErrorLog = log.New(io.Discard, "", 0)
		s.Config.TLSCert, s.Config.TLSKey = "", ""
		s.Config.Addr = []string{web.Listener.Addr().String()}
	}, doctor.Problem, "server", "does not answer like a cryptomem server", "ss -ltnp"),
	Entry("TLS that the server does not speak", func(s *setup) {
		cert, key := s.Config.TLSCert, s.Config.TLSKey
		s.Config.TLSCert, s.Config.TLSKey = "", ""
		s.serve()
		s.Config.TLSCert, s.Config.TLSKey = cert, key
	}, doctor.Problem, "server", "no TLS handshake", "this configuration"),
	Entry("an admin address that somebody else has", func(s *setup) {
		s.Config.Admin = s.Config.Addr[0]
		s.Config.Addr = nil
	}, doctor.Problem, "admin address", "no server of this configuration runs", "ss -ltnp"),
	Entry("a server that is not running", func(s *setup) { s.Config.Addr = []string{"unix:" + s.KeyFile + ".sock"} },
		doctor.Unknown, "server", "nothing listens", "cryptomem serve"),
)
