package main

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("Every command", func() {
	It("is in the usage, and has a help that ends in a worked example", func() {
		for _, c := range commands {
			Expect(usage).To(MatchRegexp(`(?m)^    cryptomem \[?` + c.name + `\b`))
			Expect(c.help).To(MatchRegexp(`\nExample:\n    \$ (.|\n)*cryptomem (.|\n)*\n$`), c.name)
			Expect(c.help).NotTo(MatchRegexp(`[^\n]{81}`), "a line of "+c.name+" is too wide for a terminal")
		}
	})
})
