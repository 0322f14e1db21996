package valkeystore_test

import (
	"io"
	"net"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// muteEvents returns an address behind which addr answers, but tells of no event
// by itself: what it sends that begins with a RESP3 push is dropped.
func muteEvents(addr string) string {
	GinkgoHelper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(l.Close)
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", addr)
			if err != nil {
				_ = client.Close()
				continue
			}
			go func() {
				_, _ = io.Copy(server, client)
				_ = server.Close()
			}()
			go func() {
				dropEvents(client, server)
				_ = client.Close()
			}()
		}
	}()
	return l.Addr().String()
}

func dropEvents(client io.Writer, server io.Reader) {
	b := make([]byte, 64<<10)
	for {
		n, err := server.Read(b)
		if err != nil {
			return
		}
		if n > 4 && string(b[:4]) == ">3\r\n" && string(b[4:13]) == "$7\r\nmessa" {
			continue
		}
		if _, err := client.Write(b[:n]); err != nil {
			return
		}
	}
}
