package valkeystore_test

import (
	"strings"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem/valkeystore"
)

var _ = Describe("An address", func() {
	DescribeTable("is read from a URL:",
		func(url string, want valkeystore.Address) {
			Expect(valkeystore.ParseAddress(url)).To(Equal(want))
		},
		Entry("one node", "valkey://cache.example:7000",
			valkeystore.Address{Hosts: []string{"cache.example:7000"}}),
		Entry("the usual port", "redis://cache.example",
			valkeystore.Address{Hosts: []string{"cache.example:6379"}}),
		Entry("TLS", "valkeys://cache.example",
			valkeystore.Address{Hosts: []string{"cache.example:6379"}, TLS: true}),
		Entry("TLS, under the older name", "rediss://cache.example",
			valkeystore.Address{Hosts: []string{"cache.example:6379"}, TLS: true}),
		Entry("several nodes of a cluster", "valkey://a:1,b:2,c",
			valkeystore.Address{Hosts: []string{"a:1", "b:2", "c:6379"}}),
		Entry("sentinels", "valkey://a,b:2?sentinel=main",
			valkeystore.Address{Hosts: []string{"a:26379", "b:2"}, Sentinel: "main"}),
		Entry("sentinels with a password of their own", "valkey://u:p@a?sentinel=main&sentinel_user=s&sentinel_password=t",
			valkeystore.Address{Hosts: []string{"a:26379"}, Sentinel: "main", User: "u", Password: "p", SentinelUser: "s", SentinelPassword: "t"}),
		Entry("user, password and database", "valkey://app:s%40cret%2F@a:1/3",
			valkeystore.Address{Hosts: []string{"a:1"}, User: "app", Password: "s@cret/", Database: 3}),
		Entry("a password alone", "redis://:secret@a",
			valkeystore.Address{Hosts: []string{"a:6379"}, Password: "secret"}),
		Entry("the database as a parameter", "valkey://a/?db=2",
			valkeystore.Address{Hosts: []string{"a:6379"}, Database: 2}),
		Entry("IPv6", "valkey://[::1],[fe80::1]:7000",
			valkeystore.Address{Hosts: []string{"[::1]:6379", "[fe80::1]:7000"}}),
		Entry("a Unix socket", "unix:///run/valkey/valkey.sock?db=1",
			valkeystore.Address{Socket: "/run/valkey/valkey.sock", Database: 1}),
		Entry("a Unix socket, with a user", "unix://app:secret@/run/v.sock",
			valkeystore.Address{Socket: "/run/v.sock", User: "app", Password: "secret"}),
		Entry("capital letters in the scheme", "Valkey://a", valkeystore.Address{Hosts: []string{"a:6379"}}),
	)

	DescribeTable("is refused",
		func(url, why string) {
			_, err := valkeystore.ParseAddress(url)
			Expect(err).To(MatchError(ContainSubstring(why)))
			Expect(err).NotTo(MatchError(ContainSubstring("secret")), "a password in an error ends in a log")
		},
		Entry("that is empty, as an unset variable is", "", "it is empty"),
		Entry("without a scheme", "cache.example:6379", "valkey://"),
		Entry("with another's scheme", "http://:secret@a", `scheme "http"`),
		Entry("as those of web servers are", "http://u:secret@localhost:8080/", "write localhost:8080"),
		Entry("without a host", "valkey://", "no host"),
		Entry("with an empty host among others", "valkey://a,,b", "no host"),
		Entry("with a port and no host", "valkey://:1", "no host"),
		Entry("with a port that is none", "valkey://:secret@a:x", `port "x"`),
		Entry("with a port out of range", "valkey://a:65536", `port "65536"`),
		Entry("with port 0", "valkey://a:0", `port "0"`),
		Entry("with an IPv6 address that no bracket ends", "valkey://[::1", "host"),
		Entry("with an IPv6 address without brackets", "valkey://::1", "brackets"),
		Entry("with a space in a host", "valkey://a b", "host"),
		Entry("with a database that is not a number", "valkey://:secret@a/x", `database "x"`),
		Entry("with a negative database", "valkey://a/-1", `database "-1"`),
		Entry("with two databases", "valkey://a/1?db=2", "twice"),
		Entry("with an unknown parameter", "valkey://:secret@a?sentinal=main", `"sentinal"`),
		Entry("with a parameter twice", "valkey://a?sentinel=a&sentinel=b", "twice"),
		Entry("with an empty sentinel name", "valkey://a?sentinel=", "sentinel"),
		Entry("with a sentinel's password and no sentinel", "valkey://a?sentinel_password=secret", "sentinel"),
		Entry("with sentinels on a Unix socket", "unix:///s?sentinel=main", "sentinel"),
		Entry("with a Unix socket whose path is relative", "unix://run/v.sock", "path"),
		Entry("with a bad escape in the password", "valkey://:secret%zz@a", "password"),
		Entry("with a fragment", "valkey://a#1", "#"),
		Entry("with a user and no password", "valkey://app@a", "password"),
	)

	It("never prints a password", func() {
		a, err := valkeystore.ParseAddress("valkey://app:secret@a,b?sentinel=main&sentinel_password=hidden")
		Expect(err).NotTo(HaveOccurred())
		Expect(a.String()).To(Equal("valkey://app:***@a:26379,b:26379?sentinel=main"))
	})
})

func FuzzParseAddress(f *testing.F) {
	for _, url := range []string{
		"valkey://app:s%40cret@a:1,b,[::1]:2/3?sentinel=main&sentinel_password=x", "unix://u:p@/run/v.sock?db=1", "rediss://:p@a", "valkey://",
	} {
		f.Add(url)
	}
	f.Fuzz(func(t *testing.T, url string) {
		a, err := valkeystore.ParseAddress(url)
		if err != nil {
			return
		}
		if (a.Socket == "") == (len(a.Hosts) == 0) {
			t.Fatalf("%q: %+v is neither a socket nor hosts", url, a)
		}
		for _, h := range a.Hosts {
			if strings.ContainsAny(h, ",/@? ") || !strings.Contains(h, ":") {
				t.Fatalf("%q: host %q", url, h)
			}
		}
		again, err := valkeystore.ParseAddress(a.String())
		if err != nil {
			t.Fatalf("%q: printed as %q, which is refused: %v", url, a, err)
		}
		if a.Password != "" {
			again.Password = a.Password
		}
		again.SentinelUser, again.SentinelPassword = a.SentinelUser, a.SentinelPassword
		if a.String() != again.String() {
			t.Fatalf("%q: printed as %q, then as %q", url, a, again)
		}
	})
}
