package cli

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem/server/config"
)

var _ = Describe("Each setting", func() {
	DescribeTable("has an effect:",
		func(settings reflect.Type, command string) {
			var lines []string
			for _, files := range []string{"*.go", "../server/config/*.go"} {
				names, err := filepath.Glob(files)
				Expect(err).NotTo(HaveOccurred())
				for _, name := range names {
					if strings.HasSuffix(name, "_test.go") {
						continue
					}
					text, err := os.ReadFile(name)
					Expect(err).NotTo(HaveOccurred())
					lines = append(lines, strings.Split(string(text), "\n")...)
				}
			}
			for _, f := range reflect.VisibleFields(settings) {
				// A field with an ampersand is its row's of the table, which only fills it.
				reads := regexp.MustCompile(`(^|[^&\w])(c|p|cfg|(\w+\.)?config)\.` + f.Name + `\b`)
				read := slices.ContainsFunc(lines, func(line string) bool {
					return strings.Contains(line, "."+f.Name) && reads.MatchString(line)
				})
				Expect(f.IsExported() && !read).To(BeFalse(), "nothing reads %s.%s; use it in cryptomem/cli/%s.go", settings, f.Name, command)
			}
		},
		Entry("of the server", reflect.TypeFor[config.Config](), "serve"),
		Entry("of the proxy", reflect.TypeFor[config.Proxy](), "proxy"),
	)
})
