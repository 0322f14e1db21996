package admin_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sys/unix"

	"github.com/benbjohnson/clock"

	"github.com/Zezezknight/cryptomem/cryptomem/server/admin"
)

var _ = Describe("A process that has used up its file descriptors", func() {
	It("still answers health checks, one after the other", func() {
		clk := clock.NewMock()
		s := admin.New(admin.Config{Report: newExample(clk).report, Clock: clk})
		l, err := net.Listen("tcp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		served := make(chan error, 1)
		go func() { served <- s.Serve(l) }()
		DeferCleanup(func() {
			Expect(s.Close()).To(Succeed())
			Eventually(served, patience).Should(Receive(MatchError(http.ErrServerClosed)))
		})
		check := func() {
			GinkgoHelper()
			conn, err := net.Dial("tcp", l.Addr().String())
			Expect(err).NotTo(HaveOccurred())
			defer conn.Close() //nolint:errcheck // it was only asked
			_, err = fmt.Fprint(conn, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
			Expect(err).NotTo(HaveOccurred())
			r, err := http.ReadResponse(bufio.NewReader(conn), nil)
			Expect(err).NotTo(HaveOccurred())
			Expect(r).To(HaveHTTPStatus(http.StatusOK))
		}
		check()

		var before unix.Rlimit
		Expect(unix.Getrlimit(unix.RLIMIT_NOFILE, &before)).To(Succeed())
		few := before
		few.Cur = min(few.Cur, 300)
		Expect(unix.Setrlimit(unix.RLIMIT_NOFILE, &few)).To(Succeed())
		DeferCleanup(func() { Expect(unix.Setrlimit(unix.RLIMIT_NOFILE, &before)).To(Succeed()) })
		var taken []*os.File
		take := func() {
			for {
				f, err := os.Open(os.DevNull)
				if err != nil {
					return
				}
				taken = append(taken, f)
			}
		}
		DeferCleanup(func() {
			for _, f := range taken {
				_ = f.Close()
			}
		})
		for range 3 {
			take()
			Expect(taken).NotTo(BeEmpty())
			Expect(taken[len(taken)-1].Close()).To(Succeed()) // for this client's end
			taken = taken[:len(taken)-1]
			check()
		}
	})
})
