package cryptomem_test

import (
	"net"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem/server"
	_ "github.com/Zezezknight/cryptomem/testdata/deadline"
)

func TestCryptomem(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "cryptomem")
}

// listen serves s on a port of its own until the spec ends.
func listen(s *server.Server) string {
	GinkgoHelper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	DeferCleanup(func() {
		Expect(s.Close()).To(Succeed())
		Expect(<-served).To(MatchError(server.ErrServerClosed))
	})
	return l.Addr().String()
}

func newServer(c server.Config) *server.Server {
	GinkgoHelper()
	if c.MaxMemory == 0 {
		c.MaxMemory = 64 << 20
	}
	s, err := server.New(c)
	Expect(err).NotTo(HaveOccurred())
	return s
}
