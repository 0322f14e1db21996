package cli

import (
	"bufio"
	"bytes"
	"context"
	"net"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("bench", func() {
	It("exits 3 and says what failed, if requests did", func(ctx context.Context) {
		addr := filepath.Join(GinkgoT().TempDir(), "s")
		l, err := net.Listen("unix", addr)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(l.Close)
		go func() { // a server that stores all, and has nothing to give
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				go func() {
					defer conn.Close() //nolint:errcheck // nothing is left to say
					for words := bufio.NewScanner(conn); words.Scan(); {
						switch words.Text() {
						case "SET":
							_, _ = conn.Write([]byte("+OK\r\n"))
						case "GET":
							_, _ = conn.Write([]byte("-ERR cable cut\r\n"))
						}
					}
				}()
			}
		}()
		var out, failure bytes.Buffer
		c := &console{out: &out, err: &failure, env: func(string) (string, bool) { return "", false }}
		code := run(ctx, c, []string{
			"bench", "--addr", "unix:" + addr, "--protocol", "redis", "--gets", "100", "--keys", "10", "--duration", "20ms", "--warmup", "0s",
		})
		Expect(failure.String()).To(MatchRegexp(`^cryptomem bench: \d+ of the requests failed, the first one: .*cable cut`))
		Expect(out.String()).To(ContainSubstring("FAILED"))
		Expect(code).To(Equal(exitFailed))
	})
})
