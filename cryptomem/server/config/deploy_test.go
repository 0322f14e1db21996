package config_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"go.yaml.in/yaml/v3"

	"github.com/Zezezknight/cryptomem/cryptomem/server/config"
)

var _ = Describe("What the deployment files say", func() {
	read := func(name string) string {
		GinkgoHelper()
		text, err := os.ReadFile("../deploy/" + name)
		Expect(err).NotTo(HaveOccurred())
		return string(text)
	}

	It("is a configuration that the server starts from, in Kubernetes", func() {
		var configMap struct {
			Kind string            `yaml:"kind"`
			Data map[string]string `yaml:"data"`
		}
		Expect(yaml.NewDecoder(strings.NewReader(read("kubernetes.yaml"))).Decode(&configMap)).To(Succeed())
		Expect(configMap.Kind).To(Equal("ConfigMap"))
		file := filepath.Join(GinkgoT().TempDir(), "config.yaml")
		Expect(os.WriteFile(file, []byte(configMap.Data["config.yaml"]), 0o600)).To(Succeed())
		c, err := config.Load(config.Sources{File: file, Env: nothing})
		Expect(err).NotTo(HaveOccurred())
		Expect(c.Authenticates(true)).To(BeTrue())
	})

	It("is a configuration that the proxy starts from, in a sidecar", func() {
		var configMap struct {
			Data map[string]string `yaml:"data"`
		}
		Expect(yaml.NewDecoder(strings.NewReader(read("../../proxy/deploy/kubernetes.yaml"))).Decode(&configMap)).To(Succeed())
		file := filepath.Join(GinkgoT().TempDir(), "proxy.yaml")
		Expect(os.WriteFile(file, []byte(configMap.Data["proxy.yaml"]), 0o600)).To(Succeed())
		c, err := config.LoadProxy(config.Sources{File: file, Env: nothing})
		Expect(err).NotTo(HaveOccurred())
		Expect(c.KeyFile).NotTo(BeEmpty())
		for _, a := range c.Listen() {
			Expect(a.IsLocal()).To(BeTrue(), a.String())
		}
	})

	DescribeTable("names no variable that is not a setting",
		func(name string) {
			known := map[string]bool{"CRYPTOMEM_PORT": true} // what the file warns of
			for _, s := range config.Settings() {
				known[s.Env()] = true
			}
			for _, s := range config.ProxySettings() {
				known[s.Env()] = true
			}
			for _, variable := range regexp.MustCompile(`CRYPTOMEM_[A-Z_]+`).FindAllString(read(name), -1) {
				Expect(known).To(HaveKey(variable))
			}
		},
		Entry(nil, "Dockerfile"),
		Entry(nil, "kubernetes.yaml"),
		Entry(nil, "../../proxy/deploy/kubernetes.yaml"),
		Entry(nil, "../../proxy/deploy/cryptomem-proxy.service"),
	)
})
