package config_test

import (
	"os"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem/server/config"
)

var _ = Describe("A proxy's configuration", func() {
	BeforeEach(func() { GinkgoT().Chdir(GinkgoT().TempDir()) })

	load := func(flags map[string]string) (*config.Proxy, error) {
		return config.LoadProxy(config.Sources{Env: nothing, Flags: flags})
	}
	refused := func(flags map[string]string) string {
		GinkgoHelper()
		_, err := load(flags)
		Expect(err).To(BeAssignableToTypeOf(config.Problems{}))
		return err.Error()
	}
	listens := func(addr string) (all []string) {
		GinkgoHelper()
		c, err := load(map[string]string{"addr": addr, "tls-cert": "c", "tls-key": "k", "password-file": "p"})
		Expect(err).NotTo(HaveOccurred())
		for _, a := range c.Listen() {
			all = append(all, a.String())
		}
		return all
	}

	It("has for each setting a default that is allowed and is written back as it stands", func() {
		c := config.DefaultProxy()
		for _, s := range config.ProxySettings() {
			Expect(s.Value(c)).To(Equal(s.Default), s.Name)
			Expect(s.Doc).To(HaveSuffix("."), s.Name)
			Expect(s.Allowed()).NotTo(BeEmpty(), s.Name)
			Expect(s.Env()).To(HavePrefix("CRYPTOMEM_PROXY_"), s.Name)
		}
	})

	It("comes from proxy.yaml and from variables of its own, which the server does not take for typing errors", func() {
		Expect(os.WriteFile("proxy.yaml", []byte("namespace: web\nmax_value_size: 2MiB\n"), 0o600)).To(Succeed())
		c, err := config.LoadProxy(config.Sources{Env: environment(map[string]string{"CRYPTOMEM_PROXY_MAX_VALUE_SIZE": "3MiB"})})
		Expect(err).NotTo(HaveOccurred())
		Expect(c.Namespace).To(Equal("web"))
		Expect(c.MaxValueSize).To(Equal(int64(3 << 20)))
		Expect(c.Origin("namespace")).To(Equal("proxy.yaml:1:12"))
		Expect(config.UnknownEnv([]string{"CRYPTOMEM_PROXY_MAX_VALUE_SIZE=1"}, nil)).To(BeEmpty())
		Expect(config.UnknownEnv([]string{"CRYPTOMEM_PROXY_MAX_VALUE_SIZ=1"}, nil)).To(HaveLen(1))
	})

	It("takes localhost as 127.0.0.1 and ::1, since clients ask for either first", func() {
		Expect(listens("localhost:6379")).To(Equal([]string{"127.0.0.1:6379", "[::1]:6379"}))
		Expect(listens("unix:/run/p,10.0.0.1:6379")).To(Equal([]string{"unix:/run/p", "10.0.0.1:6379"}))
	})

	It("listens off loopback only with TLS and a password", func() {
		Expect(refused(map[string]string{"addr": ":6379"})).To(ContainSubstring("it needs tls_cert and password_file"))
		Expect(refused(map[string]string{"addr": ":6379", "password-file": "p"})).To(ContainSubstring("it needs tls_cert and password_file"))
		Expect(refused(map[string]string{"addr": ":6379", "tls-cert": "c", "tls-key": "k"})).To(ContainSubstring("it needs tls_cert and password_file"))
		Expect(listens(":6379")).To(HaveLen(1))
	})

	It("does not print the password of an upstream", func() {
		c, err := load(map[string]string{"upstream": "valkey://me:secret@cache"})
		Expect(err).NotTo(HaveOccurred())
		Expect(c.Upstream).To(Equal("valkey://me:secret@cache"))
		for _, s := range config.ProxySettings() {
			Expect(s.Value(c)).NotTo(ContainSubstring("secret"))
		}
		Expect(refused(map[string]string{"upstream": "valkey://me:secret@%zz"})).NotTo(ContainSubstring("secret"))
	})

	It("takes a cut as a time that stays the same, and gives it up again, while the proxy runs", func() {
		c, err := load(nil)
		Expect(err).NotTo(HaveOccurred())
		Expect(c.NotBefore).To(BeZero())
		next, err := load(map[string]string{"not-before": "2030-01-01T13:00:00+01:00"})
		Expect(err).NotTo(HaveOccurred())
		Expect(c.Changes(next)).To(ConsistOf(HaveField("To", "2030-01-01T12:00:00Z")))
		Expect(c.Reload(next)).To(Succeed())
		Expect(c.NotBefore).To(BeTemporally("==", time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)))
		none, err := load(map[string]string{"not-before": "none"})
		Expect(err).NotTo(HaveOccurred())
		Expect(c.Reload(none)).To(Succeed())
		Expect(c.NotBefore).To(BeZero())
		Expect(refused(map[string]string{"not-before": "now"})).To(ContainSubstring(`a time such as 2030-01-01T12:00:00Z, or none`))
	})

	It("does not refuse what the proxy itself writes", func() {
		for _, flag := range []string{"stamped-only", "not-before"} {
			value := map[string]string{"stamped-only": "true", "not-before": "2030-01-01T12:00:00Z"}[flag]
			Expect(load(map[string]string{flag: value})).NotTo(BeNil())
			Expect(refused(map[string]string{flag: value, "envelope-version": "0xC1"})).To(ContainSubstring("what is written as 0xC1 does not say when it was sealed"))
		}
		c, err := load(map[string]string{"envelope-version": "0xC1"})
		Expect(err).NotTo(HaveOccurred())
		next, err := load(map[string]string{"envelope-version": "0xC1"})
		Expect(err).NotTo(HaveOccurred())
		next.NotBefore = time.Unix(0, 0)
		Expect(c.Reload(next)).NotTo(Succeed(), "nor after a reload")
	})

	It("changes while the proxy runs only where that is said", func() {
		c, err := load(nil)
		Expect(err).NotTo(HaveOccurred())
		next, err := load(map[string]string{"max-connections": "7", "namespace": "other"})
		Expect(err).NotTo(HaveOccurred())
		Expect(c.Changes(next)).To(HaveLen(2))
		Expect(c.Reload(next)).To(Succeed())
		Expect(c.MaxConnections).To(Equal(7))
		Expect(c.Origin("max_connections")).To(Equal("flag --max-connections"))
		Expect(c.Namespace).To(Equal("auto"))
	})
})

var _ = Describe("The table of a proxy's settings", func() {
	It("is what the reference says", func() {
		written, err := os.ReadFile("../../../docs/proxy-configuration.md")
		Expect(err).NotTo(HaveOccurred())
		Expect(string(written)).To(Equal(config.ProxyReference()), "run: go run ./cryptomem/cmd config --proxy --reference > docs/proxy-configuration.md")
	})
})
