package config_test

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem/server"
	"github.com/Zezezknight/cryptomem/cryptomem/server/config"
)

func environment(vars map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		v, ok := vars[name]
		return v, ok
	}
}

var nothing = environment(nil)

var _ = Describe("A configuration", func() {
	BeforeEach(func() { GinkgoT().Chdir(GinkgoT().TempDir()) })

	write := func(name, text string) {
		GinkgoHelper()
		Expect(os.WriteFile(name, []byte(text), 0o600)).To(Succeed())
	}
	load := func(src config.Sources) *config.Config {
		GinkgoHelper()
		c, err := config.Load(src)
		Expect(err).NotTo(HaveOccurred())
		return c
	}

	It("listens on loopback by default", func() {
		c := load(config.Sources{Env: nothing})
		Expect(c.Addr).To(Equal([]string{"localhost:8080"}))
		Expect(c.Origin("addr")).To(Equal("default"))
	})

	It("takes a value from the last place that gives one: file, environment, flag", func() {
		write("config.yaml", "max_memory: 1GiB\nmax_connections: 5\n\nlog_level: warn\n")
		src := config.Sources{
			Env:   environment(map[string]string{"CRYPTOMEM_MAX_MEMORY": "2GiB", "CRYPTOMEM_MAX_CONNECTIONS": "6"}),
			Flags: map[string]string{"max-memory": "3GiB"},
		}
		c := load(src)
		Expect(c.MaxMemory).To(Equal(int64(3 << 30)))
		Expect(c.MaxConnections).To(Equal(6))
		Expect(c.LogLevel).To(Equal(slog.LevelWarn))
		Expect(c.Origin("max_memory")).To(Equal("flag --max-memory"))
		Expect(c.Origin("max_connections")).To(Equal("environment CRYPTOMEM_MAX_CONNECTIONS"))
		Expect(c.Origin("log_level")).To(Equal("config.yaml:4:12"))
	})

	It("reads the named file instead of config.yaml", func() {
		write("config.yaml", "max_connections: 5\n")
		write("other.yaml", "max_connections: 7\n")
		Expect(load(config.Sources{File: "other.yaml", Env: nothing}).MaxConnections).To(Equal(7))
	})

	It("says which file it read", func() {
		Expect(load(config.Sources{Env: nothing}).File()).To(Equal("none"))
		write("config.yaml", "max_connections: 5\n")
		Expect(load(config.Sources{Env: nothing}).File()).To(Equal("config.yaml"))
		write("other.yaml", "")
		Expect(load(config.Sources{File: "other.yaml", Env: nothing}).File()).To(Equal("other.yaml"))
	})

	It("fails when the named file is missing", func() {
		_, err := config.Load(config.Sources{File: "missing.yaml", Env: nothing})
		Expect(err).To(MatchError(os.ErrNotExist))
		Expect(err).To(MatchError(ContainSubstring("missing.yaml")))
	})

	It("accepts an empty file, and one with only comments", func() {
		for _, text := range []string{"", "# nothing\n", "---\n"} {
			write("config.yaml", text)
			Expect(load(config.Sources{Env: nothing}).Addr).To(Equal([]string{"localhost:8080"}))
		}
	})

	It("warns of variables that look like settings and are none", func() {
		Expect(config.UnknownEnv([]string{
			"PATH=/bin", "CRYPTOMEM_ADDR=:1", "CRYPTOMEM_KEY=secret", "CRYPTOMEM_MAX_MEMROY=1GiB", "CRYPTOMEM_SERVICE_HOST=10.0.0.1", "CRYPTOMEM_X=1",
		}, []string{"CRYPTOMEM_KEY"})).To(Equal([]string{
			"CRYPTOMEM_MAX_MEMROY is not a setting; did you mean CRYPTOMEM_MAX_MEMORY?",
			"CRYPTOMEM_SERVICE_HOST is not a setting",
			"CRYPTOMEM_X is not a setting",
		}))
	})

	It("reports what is wrong in every source at once", func() {
		write("config.yaml", "max_memory: plenty\n")
		_, err := config.Load(config.Sources{
			Env:   environment(map[string]string{"CRYPTOMEM_FLUSH": "maybe"}),
			Flags: map[string]string{"addr": "8080"},
		})
		Expect(err).To(BeAssignableToTypeOf(config.Problems{}))
		Expect(strings.Split(err.Error(), "\n")).To(ConsistOf(
			`config.yaml:1:13: max_memory: "plenty" is not allowed; allowed: auto, or a size from 1MiB to 1TiB, such as 64MiB or 2GB`,
			`environment CRYPTOMEM_FLUSH: "maybe" is not allowed; allowed: true or false`,
			`flag --addr: "8080" is not an address: the port is missing; write localhost:8080, or :8080 for every address of this machine`,
		))
	})

	It("names the setting once, wherever it was given", func() {
		Expect(config.About("addr", "config.yaml:1:7", "no")).To(Equal("addr: no"))
		Expect(config.About("addr", "default", "no")).To(Equal("addr: no"))
		Expect(config.About("addr", "flag --addr", "no")).To(Equal("no"))
		Expect(config.About("addr", "environment CRYPTOMEM_ADDR", "no")).To(Equal("no"))
		Expect(config.About("addr", "environment CRYPTOMEM_PROXY_ADDR", "no")).To(Equal("no"))
		Expect(config.About("addr", "flag --tls-addr", "no")).To(Equal("addr: no"))
	})
})

var _ = Describe("A server that other machines can reach", func() {
	DescribeTable("starts only if its clients authenticate, or if it was told to serve strangers",
		func(start bool, flags map[string]string) {
			_, err := config.Load(config.Sources{Env: nothing, Flags: flags})
			Expect(err == nil).To(Equal(start), "%v", err)
		},
		Entry("nothing", false, map[string]string{"addr": "0.0.0.0:8080"}),
		Entry("told to", true, map[string]string{"addr": "0.0.0.0:8080", "allow-unauthenticated": "true"}),
		Entry("tokens", true, map[string]string{"addr": "0.0.0.0:8080", "identities": "i.yaml"}),
		Entry("TLS alone", false, map[string]string{"addr": ":8443", "tls-cert": "c", "tls-key": "k"}),
		Entry("TLS and certificates", true, map[string]string{"addr": ":8443", "tls-cert": "c", "tls-key": "k", "tls-client-ca": "ca"}),
		Entry("certificates on the TLS port only", false, map[string]string{"addr": ":8080", "tls-addr": ":8443", "tls-cert": "c", "tls-key": "k", "tls-client-ca": "ca"}),
		Entry("TLS off loopback, plain on it", true, map[string]string{"tls-addr": ":8443", "tls-cert": "c", "tls-key": "k", "tls-client-ca": "ca"}),
	)
})

var _ = Describe("A reloaded configuration", func() {
	It("differs by the settings whose values differ, not by where they come from", func() {
		old, err := config.Load(config.Sources{Env: nothing, Flags: map[string]string{"log-level": "info"}})
		Expect(err).NotTo(HaveOccurred())
		next, err := config.Load(config.Sources{Env: nothing, Flags: map[string]string{"max-memory": "1GiB"}})
		Expect(err).NotTo(HaveOccurred())
		changes := old.Changes(next)
		Expect(changes).To(HaveLen(1))
		Expect(changes[0].Setting.Name).To(Equal("max_memory"))
		Expect([]string{changes[0].From, changes[0].To}).To(Equal([]string{"auto", "1GiB"}))
	})
})

var _ = Describe("A configuration file", func() {
	It("says sizes, durations and lists as people write them", func() {
		c, err := config.Load(config.Sources{File: "testdata/good/full.yaml", Env: nothing})
		Expect(err).NotTo(HaveOccurred())
		Expect(c.Addr).To(Equal([]string{"localhost:8080", "unix:/run/cryptomem.sock"}))
		Expect(c.MaxMemory).To(Equal(int64(2_000_000_000)))
		Expect(c.MaxValueSize).To(Equal(int64(512 << 10)))
		Expect(c.DefaultTTL).To(Equal(7 * 24 * time.Hour))
		Expect(c.IdleTimeout).To(BeEquivalentTo(server.Unlimited))
		Expect(c.Flush).To(BeTrue())
		Expect(c.LogFormat).To(Equal("json"))
		Expect(c.LogLevel).To(Equal(slog.LevelDebug))
	})

	It("is not read if it is too large, or no file at all", func() {
		file := filepath.Join(GinkgoT().TempDir(), "config.yaml")
		Expect(os.WriteFile(file, nil, 0o600)).To(Succeed())
		Expect(os.Truncate(file, 1<<20+1)).To(Succeed())
		_, err := config.Load(config.Sources{File: file, Env: nothing})
		Expect(err).To(MatchError(ContainSubstring(file + " is 1048577 bytes, limit 1048576")))
		_, err = config.Load(config.Sources{File: os.DevNull, Env: nothing})
		Expect(err).To(MatchError(ContainSubstring("not a regular file")))
	})

	It("says so when a size can be read in two ways", func() {
		_, err := config.Load(config.Sources{Env: nothing, Flags: map[string]string{"max-memory": "1G"}})
		Expect(err).To(MatchError(ContainSubstring(`size "1G" can be read in two ways; write 1GB or 1GiB`)))
	})

	It("reports a few dozen problems and that there are more, whatever the file is", func() {
		file := filepath.Join(GinkgoT().TempDir(), "config.yaml")
		wrong := new(strings.Builder)
		for i := range 20_000 {
			fmt.Fprintf(wrong, "key%d: %d\n", i, i)
		}
		Expect(os.WriteFile(file, []byte(wrong.String()), 0o600)).To(Succeed())
		_, err := config.Load(config.Sources{File: file, Env: nothing})
		Expect(err).To(HaveLen(config.MaxProblems + 1))
		Expect(err.Error()).To(HaveSuffix("and so on: no more than 50 problems are listed"))

		Expect(os.WriteFile(file, []byte("? "+strings.Repeat("k", 1<<19)+"\n: "+strings.Repeat("v", 1<<19-10)), 0o600)).To(Succeed())
		_, err = config.Load(config.Sources{File: file, Env: nothing})
		Expect(err).To(MatchError(ContainSubstring("unknown key \"kkkkkkkk")))
		Expect(len(err.Error())).To(BeNumerically("<", 4<<10))
	})

	It("is refused with file, line and what is allowed", func() {
		bad, err := filepath.Glob("testdata/bad/*.yaml")
		Expect(err).NotTo(HaveOccurred())
		Expect(bad).NotTo(BeEmpty())
		for _, name := range bad {
			_, refused := config.Load(config.Sources{File: name, Env: nothing})
			Expect(refused).To(HaveOccurred(), name)
			expected, err := os.ReadFile(strings.TrimSuffix(name, ".yaml") + ".err")
			Expect(err).NotTo(HaveOccurred(), "if this is as it should be, write it there: %v", refused)
			Expect(refused.Error()+"\n").To(Equal(string(expected)), name)
		}
	})
})

var _ = DescribeTable("A limit that may be none",
	func(written string, connections int, idle time.Duration) {
		flags := map[string]string{"idle-timeout": written, "max-connections-per-address": written}
		c, err := config.Load(config.Sources{Env: nothing, Flags: flags})
		if idle == 0 {
			Expect(err).To(MatchError(ContainSubstring("is not allowed")))
			return
		}
		Expect(err).NotTo(HaveOccurred())
		Expect(c.MaxConnectionsPerAddress).To(Equal(connections))
		Expect(c.IdleTimeout).To(Equal(idle))
	},
	Entry("means to the server what it says", "none", server.Unlimited, time.Duration(server.Unlimited)),
	Entry("may be written as 0", "0", server.Unlimited, time.Duration(server.Unlimited)),
	Entry("is never -1", "-1", 0, time.Duration(0)),
)

var _ = Describe("The table of settings", func() {
	It("has for each setting a default that is allowed and is written back as it stands", func() {
		c := config.Default()
		for _, s := range config.Settings() {
			Expect(c.Value(s)).To(Equal(s.Default), s.Name)
			Expect(s.Doc).To(HaveSuffix("."), s.Name)
			Expect(s.Allowed()).NotTo(BeEmpty(), s.Name)
		}
	})

	It("is what the reference says", func() {
		written, err := os.ReadFile("../../../docs/configuration.md")
		Expect(err).NotTo(HaveOccurred())
		Expect(string(written)).To(Equal(config.Reference()), "run: go run ./cryptomem/cmd config --reference > docs/configuration.md")
	})

	It("derives flag and variable from the name", func() {
		s := config.Settings()[1]
		Expect([]string{s.Name, s.Flag(), s.Env()}).To(Equal([]string{"unix_mode", "unix-mode", "CRYPTOMEM_UNIX_MODE"}))
	})

	It("suggests the setting that a user may have meant", func() {
		Expect(config.Meant("ca", []string{"scan"})).To(BeEmpty(), "half of a short word is nothing to go by")
		Expect(config.Suggest("max_memroy", []string{"flush", "max_memory"})).To(Equal("did you mean max_memory?"))
		Expect(config.Suggest("colour", []string{"flush", "max_memory"})).To(Equal("allowed: flush, max_memory"))
		Expect(config.Suggest("adr", []string{"addr", "tls"})).To(Equal("did you mean addr?"))
		Expect(config.Suggest("ca", []string{"scan"})).To(Equal("allowed: scan"), "half of it would be another word")
	})
})
