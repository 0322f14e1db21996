package cli

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem/server/config"
)

var _ = Describe("Each setting", func() {
	DescribeTable("has an effect:",
		func(settings reflect.Type, command string) {
			code := ""
			for _, files := range []string{"*.go", "../server/config/*.go"} {
				names, err := filepath.Glob(files)
				Expect(err).NotTo(HaveOccurred())
				for _, name := range names {
					if strings.HasSuffix(name, "_test.go") {
						continue
					}
					text, err := os.ReadFile(name)
					Expect(err).NotTo(HaveOccurred())
					code += string(text)
				}
			}
			for _, f := range reflect.VisibleFields(settings) {
				// A field with an ampersand is its row's of the table, which only fills it.
				read := regexp.MustCompile(`(^|[^&\w])(c|p|cfg|(\w+\.)?config)\.` + f.Name + `\b`)
				Expect(f.IsExported() && !read.MatchString(code)).To(BeFalse(), "nothing reads %s.%s; use it in cryptomem/cli/%s.go", settings, f.Name, command)
			}
		},
		Entry("of the server", reflect.TypeFor[config.Config](), "serve"),
		Entry("of the proxy", reflect.TypeFor[config.Proxy](), "proxy"),
	)
})
