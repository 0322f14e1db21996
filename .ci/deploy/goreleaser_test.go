package deploy_test

import (
	"bytes"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/yaml"
)

// release is as much of GoReleaser's configuration as names files here. Whether
// all of it is what GoReleaser understands, goreleaser check says, which takes
// longer to build than everything else together.
type release struct {
	Version int `json:"version"`
	Builds  []struct {
		Main string   `json:"main"`
		Env  []string `json:"env"`
	} `json:"builds"`
	Archives []struct {
		Files []struct {
			Source string `json:"src"`
		} `json:"files"`
	} `json:"archives"`
	Before struct {
		Hooks []string `json:"hooks"`
	} `json:"before"`
	NFPMs []struct {
		Contents []struct {
			Source string `json:"src"`
		} `json:"contents"`
	} `json:"nfpms"`
	Docker []struct {
		Images []string `json:"images"`
		Tags   []string `json:"tags"`
	} `json:"dockers_v2"`
}

var _ = Describe("The configuration of GoReleaser", func() {
	It("builds and packs what is there", func() {
		var r release
		Expect(yaml.Unmarshal(bytes.TrimSpace(read("goreleaser.yaml")), &r)).To(Succeed())
		Expect(r.Version).To(Equal(2))
		for _, b := range r.Builds {
			Expect(filepath.Join(top, b.Main, "main.go")).To(BeARegularFile())
			Expect(b.Env).To(ContainElement("CGO_ENABLED=0"))
		}
		var files []string
		for _, a := range r.Archives {
			for _, f := range a.Files {
				files = append(files, f.Source)
			}
		}
		for _, p := range r.NFPMs {
			for _, f := range p.Contents {
				files = append(files, f.Source)
			}
		}
		Expect(r.Docker[0].Tags).To(ConsistOf("v{{ .Version }}"))
		for _, file := range []string{"kubernetes.yaml", "compose.yaml"} {
			Expect(string(read(file))).To(ContainSubstring("image: " + r.Docker[0].Images[0] + ":v"))
		}
		Expect(len(files)).To(BeNumerically(">=", 6))
		for _, pattern := range files {
			if strings.HasPrefix(pattern, "bin/") {
				Expect(r.Before.Hooks).To(ContainElement(HaveSuffix(" > "+pattern+"'")), "nothing makes it")
				continue
			}
			found, err := filepath.Glob(filepath.Join(top, pattern))
			Expect(err).NotTo(HaveOccurred())
			Expect(found).NotTo(BeEmpty(), pattern)
		}
	})
})
