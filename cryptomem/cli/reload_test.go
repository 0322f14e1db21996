package cli

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem/server/access"
	_ "github.com/Zezezknight/cryptomem/testdata/deadline"
)

func TestCommand(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Command Suite")
}

var _ = Describe("A server that is told to reload", func() {
	var (
		dir  string
		log  *bytes.Buffer
		s    *service
		open = func(token string) error {
			_, err := s.identities.Authenticate(nil, nil, []byte("web"), []byte(token))
			return err
		}
	)
	write := func(name, text string) string {
		GinkgoHelper()
		file := filepath.Join(dir, name)
		Expect(os.WriteFile(file, []byte(text), 0o600)).To(Succeed())
		return file
	}
	identity := func(token string) string {
		return "web: {tokens: ['" + access.HashToken(token) + "'], prefixes: ['']}\n"
	}
	BeforeEach(func() {
		dir, log = GinkgoT().TempDir(), new(bytes.Buffer)
		identities := write("identities.yaml", identity("one"))
		file := write("c.yaml", "log_level: info\nidentities: "+identities+"\n")
		c := &console{out: log, err: log, env: func(string) (string, bool) { return "", false }}
		var err error
		s, err = newService(c, []string{"--config", file})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(s.server.Close)
		Expect(open("one")).To(Succeed())
	})

	It("applies what it can and says what needs a restart", func() {
		write("c.yaml", "log_level: debug\nmax_memory: 64MiB\nmax_connections: 7\nidentities: "+s.config.Identities+"\n")
		s.reload()
		Expect(s.level.Level()).To(Equal(slog.LevelDebug))
		Expect(log.String()).To(ContainSubstring(`msg="reload: changed" setting=log_level from=info to=debug`))
		Expect(s.server.Stats().MaxConnections).To(Equal(7))
		Expect(log.String()).To(ContainSubstring(`msg="reload: needs a restart" setting=max_memory running=auto configured=64MiB`))
		Expect(s.config.MaxMemory).To(BeZero(), "auto, as before")
	})

	It("warns where fewer files may be open than max_connections needs", func() {
		s.warnOfFiles(1256, 1000)
		Expect(log.String()).NotTo(ContainSubstring("files"))
		s.warnOfFiles(1255, 1000)
		Expect(log.String()).To(ContainSubstring(`level=WARN msg="the limit on open files is too low for max_connections, fewer are served" open_files=1255 needed=1256 max_connections=1000 served=999`))
	})

	It("keeps everything when the configuration is wrong", func() {
		write("c.yaml", "log_level: deafening\n")
		s.reload()
		Expect(s.level.Level()).To(Equal(slog.LevelInfo))
		Expect(log.String()).To(ContainSubstring("nothing changes"))
		Expect(log.String()).To(ContainSubstring("deafening"))
	})

	It("takes nothing of limits that a start would refuse beside what runs", func() {
		// Alone the file is good. But max_value_size, 1 MiB, stays until a restart.
		write("c.yaml", "log_level: debug\nmax_value_size: 64KiB\nmax_in_flight: 1MiB\nidentities: "+s.config.Identities+"\n")
		s.reload()
		Expect(log.String()).To(ContainSubstring("nothing changes"))
		Expect(log.String()).To(ContainSubstring("max_value_size: 1MiB is more than half of max_in_flight, which is 1MiB"))
		Expect(log.String()).NotTo(ContainSubstring("reload: changed"))
		Expect(s.level.Level()).To(Equal(slog.LevelInfo))
		Expect(s.config.MaxInFlight).To(BeEquivalentTo(256 << 20))
		Expect(s.config.Origin("max_in_flight")).To(Equal("default"))
		write("c.yaml", "max_value_size: 64KiB\nmax_in_flight: 2MiB\nidentities: "+s.config.Identities+"\n")
		s.reload()
		Expect(s.config.MaxInFlight).To(BeEquivalentTo(2 << 20))
	})

	It("says so when a part of it failed", func() {
		write("identities.yaml", "web: {}\n")
		s.reload()
		Expect(log.String()).To(ContainSubstring("reload: incomplete, what failed stays as it was"))
		Expect(log.String()).NotTo(ContainSubstring("reload: done"))
		write("identities.yaml", identity("one"))
		s.reload()
		Expect(log.String()).To(ContainSubstring("reload: the identities file was read"))
		Expect(log.String()).To(ContainSubstring("reload: done"))
	})

	It("notices a change that came while it started", func() {
		write("identities.yaml", identity("two"))
		for range 2 {
			s.watched[0].check()
		}
		Expect(open("one")).To(MatchError(access.ErrWrongToken))
		Expect(open("two")).To(Succeed())
	})
})
