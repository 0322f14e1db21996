package address_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/transport/address"
)

const example = "write host:port, such as localhost:8080, or unix:PATH"

// named is the address of a listener that is neither of TCP nor a Unix socket.
type named string

func (named) Network() string  { return "named" }
func (n named) String() string { return string(n) }

var _ = Describe("An address", func() {
	DescribeTable("can be written in the usual ways", func(text string, want address.Address) {
		got, err := address.Parse(text)
		Expect(err).NotTo(HaveOccurred())
		Expect(got).To(Equal(want))
	},
		Entry("host and port", "cache.example:8080", address.Address{Host: "cache.example", Port: 8080}),
		Entry("an IPv4 address", "127.0.0.1:1", address.Address{Host: "127.0.0.1", Port: 1}),
		Entry("an IPv6 address in brackets", "[::1]:65535", address.Address{Host: "::1", Port: 65535}),
		Entry("an IPv6 address with a zone", "[fe80::1%eth0]:8080", address.Address{Host: "fe80::1%eth0", Port: 8080}),
		Entry("every address of the machine", ":8080", address.Address{Port: 8080}),
		Entry("a Unix socket", "unix:/run/s", address.Address{Path: "/run/s"}),
		Entry("the same as a URL", "unix:///run/s", address.Address{Path: "/run/s"}),
		Entry("one with more slashes than it needs", "unix:////tmp//s", address.Address{Path: "/tmp//s"}),
		Entry("a Unix socket in the working directory", "unix:s", address.Address{Path: "s"}),
		Entry("a host of odd characters", "a~b\u0080:1", address.Address{Host: "a~b\u0080", Port: 1}),
		Entry("the longest path", "unix:/"+strings.Repeat("p", address.MaxUnixPath-1), address.Address{Path: "/" + strings.Repeat("p", address.MaxUnixPath-1)}),
	)

	DescribeTable("that is malformed is refused, with what to write instead", func(text, reason, advice string) {
		_, err := address.Parse(text)
		Expect(err).To(Equal(&address.Error{Text: text, Reason: reason, Advice: advice}))
	},
		Entry(nil, "::1:8080", "an IPv6 address stands in brackets", "write [::1]:8080"),
		Entry(nil, "::1", "an IPv6 address stands in brackets", "write [::1]:8080"),
		Entry(nil, "2001:db8::7:9090", "an IPv6 address stands in brackets", "write [2001:db8::7]:9090"),
		Entry("what is more likely a part of the address", "::1:999", "an IPv6 address stands in brackets", "write [::1:999]:8080"),
		Entry("what is more likely a port", "::1:1000", "an IPv6 address stands in brackets", "write [::1]:1000"),
		Entry("what can only be a part of the address", "::1:100a", "an IPv6 address stands in brackets", "write [::1:100a]:8080"),
		Entry("what can only be a port", "::1:65535", "an IPv6 address stands in brackets", "write [::1]:65535"),
		Entry("what is neither", "::1:65536", "an IPv6 address stands in brackets", example),
		Entry(nil, "[::1]", "the port is missing", "write [::1]:8080"),
		Entry(nil, "[localhost]:8080", "what stands in brackets is an IPv6 address", example),
		Entry(nil, "http://localhost:8080", "it begins with http://, as a URL does", "write localhost:8080"),
		Entry(nil, "https://cache.example/", "it begins with https://, as a URL does", "write cache.example:8080"),
		Entry(nil, "tcp://[::1]:80", "it begins with tcp://, as a URL does", "write [::1]:80"),
		Entry(nil, "redis://user@host:6379/0", "it begins with redis://, as a URL does", example),
		Entry(nil, "localhost", "the port is missing", "write localhost:8080"),
		Entry(nil, "9090", "the port is missing", "write localhost:9090, or :9090 for every address of this machine"),
		Entry(nil, "65535", "the port is missing", "write localhost:65535, or :65535 for every address of this machine"),
		Entry("no port, but maybe a name", "65536", "the port is missing", "write 65536:8080"),
		Entry("a name of one letter", "a", "the port is missing", "write a:8080"),
		Entry(nil, "localhost:http", `the port is "http", not a number from 0 to 65535`, example),
		Entry(nil, "localhost:65536", `the port is "65536", not a number from 0 to 65535`, example),
		Entry(nil, "localhost:", `the port is "", not a number from 0 to 65535`, example),
		Entry(nil, "a b:1", `"a b" is no host`, example),
		Entry(nil, "a\x7f:1", `"a\x7f" is no host`, example),
		Entry(nil, "UNIX:/run/s:1", `"UNIX:/run/s" is no host`, example),
		Entry(nil, "", "it is empty", example),
		Entry(nil, "unix:", "the path of the socket is missing", "write unix:PATH, such as unix:/run/cryptomem.sock"),
		Entry(nil, "unix://", "the path of the socket is missing", "write unix:PATH, such as unix:/run/cryptomem.sock"),
		Entry(nil, "unix:/", "the path of the socket is missing", "write unix:PATH, such as unix:/run/cryptomem.sock"),
		Entry(nil, "unix:////", "the path of the socket is missing", "write unix:PATH, such as unix:/run/cryptomem.sock"),
		Entry(nil, "unix://tmp/s", "after unix:// comes a path that begins with a slash", "write unix:/tmp/s, or unix:tmp/s for a path from the working directory"),
		Entry(nil, "unix:@s", "an abstract socket lets every user in", "write the path of a file"),
		Entry("the same as the kernel has it", "unix:\x00s", "an abstract socket lets every user in", "write the path of a file"),
		Entry("a zero within", "unix:s\x00t", "an abstract socket lets every user in", "write the path of a file"),
	)

	It("of a Unix socket may be as long as the system allows", func(ctx context.Context) {
		dir, err := os.MkdirTemp("", "s")
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(os.RemoveAll, dir)
		longest := filepath.Join(dir, strings.Repeat("p", address.MaxUnixPath-len(dir)-1))
		Expect(longest).To(HaveLen(address.MaxUnixPath))
		l, err := new(net.ListenConfig).Listen(ctx, "unix", longest)
		Expect(err).NotTo(HaveOccurred())
		Expect(l.Close()).To(Succeed())
		_, err = new(net.ListenConfig).Listen(ctx, "unix", longest+"p")
		Expect(err).To(HaveOccurred())
	})

	DescribeTable("of a listener is as it is written", func(of net.Addr, want string) {
		Expect(address.Of(of).String()).To(Equal(want))
	},
		Entry(nil, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80}, "127.0.0.1:80"),
		Entry(nil, &net.TCPAddr{IP: net.IPv6loopback, Port: 80}, "[::1]:80"),
		Entry(nil, &net.TCPAddr{IP: net.ParseIP("fe80::1"), Zone: "eth0", Port: 80}, "[fe80::1%eth0]:80"),
		Entry(nil, &net.UnixAddr{Name: "/run/s", Net: "unix"}, "unix:/run/s"),
		Entry("another kind", named("cache.example:80"), "cache.example:80"),
	)

	It("says by how much the path of a Unix socket is too long", func() {
		_, err := address.Parse("unix:/" + strings.Repeat("p", 200))
		Expect(err).To(MatchError(ContainSubstring("the path is 201 bytes, limit %d; write a shorter one", address.MaxUnixPath)))
	})

	It("is written so that it is read as the same", func() {
		for _, text := range []string{"localhost:8080", ":0", "[::1]:8080", "unix:/run/s", "unix:s"} {
			a, err := address.Parse(text)
			Expect(err).NotTo(HaveOccurred())
			Expect(a.String()).To(Equal(text))
		}
	})

	It("names what a certificate has to vouch for", func() {
		for text, want := range map[string]string{
			"cache.example:8080": "cache.example", "[::1]:8080": "::1", "unix:/run/s": "localhost", ":8080": "localhost", "none": "none",
		} {
			Expect(address.ServerName(text)).To(Equal(want))
		}
	})

	It("may be one of several, with a comma and spaces between", func() {
		Expect(address.ParseList("localhost:1, unix:/s ,[::1]:2")).To(Equal([]address.Address{
			{Host: "localhost", Port: 1}, {Path: "/s"}, {Host: "::1", Port: 2},
		}))
		for _, text := range []string{"", "localhost:1,", ",localhost:1", "localhost:1 localhost:2"} {
			_, err := address.ParseList(text)
			Expect(err).To(HaveOccurred(), "%q", text)
		}
	})

	DescribeTable("is local where no other machine can reach it", func(text string, want bool) {
		Expect(address.IsLocal(text)).To(Equal(want))
	},
		Entry(nil, "localhost:8080", true),
		Entry(nil, "LocalHost:8080", true),
		Entry(nil, "127.3.2.1:8080", true),
		Entry(nil, "[::1]:8080", true),
		Entry(nil, "[::ffff:127.0.0.1]:8080", true),
		Entry(nil, "unix:/run/s", true),
		Entry("every address", ":8080", false),
		Entry("every IPv4 address", "0.0.0.0:8080", false),
		Entry("every IPv6 address", "[::]:8080", false),
		Entry("a name", "cache.example:8080", false),
		Entry("no address", "localhost", false),
	)

	It("is connected to, whatever its kind", func(ctx context.Context) {
		path := filepath.Join(GinkgoT().TempDir(), "s")
		for _, of := range []struct{ network, target string }{{"tcp", "127.0.0.1:0"}, {"tcp", "[::1]:0"}, {"unix", path}} {
			l, err := new(net.ListenConfig).Listen(ctx, of.network, of.target)
			if of.target == "[::1]:0" && err != nil {
				continue // a machine without IPv6
			}
			Expect(err).NotTo(HaveOccurred())
			text := l.Addr().String()
			if of.network == "unix" {
				text = "unix://" + text
			}
			conn, err := address.Dial(ctx, text)
			Expect(err).NotTo(HaveOccurred())
			Expect(conn.Close()).To(Succeed())
			Expect(l.Close()).To(Succeed())
			_, err = address.Dial(ctx, text)
			Expect(err).To(HaveOccurred())
			Expect(err.Error()).NotTo(ContainSubstring(text))
		}
		_, err := address.Dial(ctx, "::1:8080")
		Expect(err).To(MatchError(ContainSubstring("write [::1]:8080")))
	})
})
