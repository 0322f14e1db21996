package cli

import (
	"context"
	"net"
	"strconv"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/transport/address"
)

var _ = Describe("A server on localhost", func() {
	It("listens on 127.0.0.1 and on ::1, as far as the machine has them, on one port", func(ctx context.Context) {
		listeners, err := listenOn(ctx, "LocalHost:0", 0)
		Expect(err).NotTo(HaveOccurred())
		defer closeAll(listeners)
		var hosts []string
		for _, host := range []string{"127.0.0.1", "::1"} {
			if hasLoopback(ctx, host) {
				hosts = append(hosts, host)
			}
		}
		Expect(hosts).NotTo(BeEmpty())
		Expect(listeners).To(HaveLen(len(hosts)))
		for i, l := range listeners {
			at := address.Of(l.Addr())
			Expect(at.Host).To(Equal(hosts[i]))
			Expect(at.Port).To(Equal(address.Of(listeners[0].Addr()).Port))
		}
	})

	It("does not share the port with another server, on whichever of the two that is", func(ctx context.Context) {
		for _, host := range []string{"127.0.0.1", "::1"} {
			if !hasLoopback(ctx, host) {
				continue
			}
			taken, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
			Expect(err).NotTo(HaveOccurred())
			port := address.Of(taken.Addr()).Port
			_, err = listenOn(ctx, "localhost:"+strconv.Itoa(int(port)), 0)
			Expect(err).To(MatchError(ContainSubstring("in use")))
			Expect(taken.Close()).To(Succeed())
		}
	})
})
