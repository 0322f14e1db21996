package valkeystore_test

import (
	"bytes"
	"io"
	"net"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// muteEvents returns an address behind which addr answers, but tells of no event
// by itself: what it sends that begins with a RESP3 push is dropped.
func muteEvents(addr string) string {
	return between(addr, same, func(b []byte) []byte {
		if len(b) > 13 && string(b[:4]) == ">3\r\n" && string(b[4:13]) == "$7\r\nmessa" {
			return nil
		}
		return b
	})
}

// agedServer returns an address behind which addr answers like a server before 7.0,
// for which the first line of a script is no Lua.
func agedServer(addr string) string {
	return between(addr, func(b []byte) []byte {
		return bytes.ReplaceAll(b, []byte("#!lua"), []byte("#?lua"))
	}, same)
}

func same(b []byte) []byte { return b }

// between returns an address behind which addr answers; what is sent in either
// direction goes through a function.
func between(addr string, toServer, toClient func([]byte) []byte) string {
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
			go pass(server, client, toServer)
			go pass(client, server, toClient)
		}
	}()
	return l.Addr().String()
}

// pass sends on what it reads, changed by a function, until either side ends.
func pass(to, from net.Conn, change func([]byte) []byte) {
	defer func() { _ = to.Close() }()
	for b := make([]byte, 64<<10); ; {
		n, err := from.Read(b)
		if err != nil {
			return
		}
		if _, err := io.Copy(to, bytes.NewReader(change(b[:n]))); err != nil {
			return
		}
	}
}
