//go:build unix

package cli

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem"
)

var _ = Describe("A server that systemd starts", func() {
	// start hands the sockets over as systemd does (sd_listen_fds(3)) and
	// returns the server and what it tells systemd (sd_notify(3)).
	start := func(names string, sockets ...net.Listener) (*exec.Cmd, *net.UnixConn) {
		GinkgoHelper()
		file := filepath.Join(GinkgoT().TempDir(), "notify")
		told, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: file, Net: "unixgram"})
		Expect(err).NotTo(HaveOccurred())
		cmd := exec.Command("sh", "-c", `LISTEN_PID=$$ exec cryptomem serve`)
		cmd.Env = append(os.Environ(), "LISTEN_FDNAMES="+names, "NOTIFY_SOCKET="+file)
		cmd.Stderr = GinkgoWriter
		for _, s := range sockets {
			f, err := s.(interface{ File() (*os.File, error) }).File()
			Expect(err).NotTo(HaveOccurred())
			Expect(s.Close()).To(Succeed())
			cmd.ExtraFiles = append(cmd.ExtraFiles, f)
		}
		if n := len(sockets); n > 0 {
			cmd.Env = append(cmd.Env, "LISTEN_FDS="+string(rune('0'+n)))
		}
		Expect(cmd.Start()).To(Succeed())
		for _, f := range cmd.ExtraFiles {
			Expect(f.Close()).To(Succeed())
		}
		DeferCleanup(func() {
			_ = cmd.Process.Kill()
			_ = told.Close()
		})
		return cmd, told
	}
	var next func(told *net.UnixConn) string
	next = func(told *net.UnixConn) string {
		GinkgoHelper()
		message := make([]byte, 256)
		Expect(told.SetReadDeadline(time.Now().Add(time.Minute))).To(Succeed())
		n, err := told.Read(message)
		Expect(err).NotTo(HaveOccurred())
		if string(message[:n]) == alive {
			return next(told) // it comes by the clock
		}
		return string(message[:n])
	}
	listen := func(addr string) net.Listener {
		GinkgoHelper()
		l, err := net.Listen("tcp", addr)
		Expect(err).NotTo(HaveOccurred())
		return l
	}

	It("serves the socket that it is given, and says when it is ready and when it stops", func(ctx SpecContext) {
		socket := listen("127.0.0.1:0")
		addr := socket.Addr().String()
		cmd, told := start("cryptomem", socket)
		Expect(next(told)).To(Equal("READY=1"))

		client, err := cryptomem.Dial(context.Background(), addr, cryptomem.WithSecret(bytes.Repeat([]byte{1}, 32)))
		Expect(err).NotTo(HaveOccurred())
		Expect(client.Ping(ctx)).To(Succeed())
		Expect(client.Close()).To(Succeed())

		Expect(cmd.Process.Signal(syscall.SIGHUP)).To(Succeed())
		Expect(next(told)).To(MatchRegexp(`^RELOADING=1(\nMONOTONIC_USEC=[1-9][0-9]*)?$`))
		Expect(next(told)).To(Equal("READY=1"))

		Expect(cmd.Process.Signal(syscall.SIGTERM)).To(Succeed())
		Expect(next(told)).To(Equal("STOPPING=1"))
		Expect(cmd.Wait()).To(Succeed())
	})

	It("asks for more time than systemd grants while it loads a snapshot, and while it saves one", func() {
		GinkgoT().Setenv("CRYPTOMEM_SNAPSHOT", filepath.Join(GinkgoT().TempDir(), "store.snapshot"))
		cmd, told := start("cryptomem", listen("127.0.0.1:0"))
		Expect(next(told)).To(HavePrefix("EXTEND_TIMEOUT_USEC=30000000\n"))
		Expect(next(told)).To(Equal("READY=1"))

		Expect(cmd.Process.Signal(syscall.SIGTERM)).To(Succeed())
		Expect(next(told)).To(Equal("STOPPING=1"))
		Expect(next(told)).To(HavePrefix("EXTEND_TIMEOUT_USEC=30000000\n"))
		Expect(cmd.Wait()).To(Succeed())
	})

	It("leaves a Unix socket that it is given where it is, for the next one", func(ctx SpecContext) {
		path := filepath.Join(GinkgoT().TempDir(), "s")
		socket, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
		Expect(err).NotTo(HaveOccurred())
		socket.SetUnlinkOnClose(false)
		held, err := socket.File() // as systemd holds it
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(held.Close)
		for range 2 {
			again, err := net.FileListener(held)
			Expect(err).NotTo(HaveOccurred())
			cmd, told := start("cryptomem", again)
			Expect(next(told)).To(Equal("READY=1"))
			client, err := cryptomem.Dial(ctx, "unix:"+path, cryptomem.WithSecret(bytes.Repeat([]byte{1}, 32)))
			Expect(err).NotTo(HaveOccurred())
			Expect(client.Ping(ctx)).To(Succeed())
			Expect(client.Close()).To(Succeed())
			Expect(cmd.Process.Signal(syscall.SIGTERM)).To(Succeed())
			Expect(cmd.Wait()).To(Succeed())
			Expect(path).To(BeAnExistingFile())
		}
		Expect(socket.Close()).To(Succeed())
	})

	It("refuses a socket that strangers can reach, and one for TLS without a certificate", func() {
		for _, refused := range []struct{ name, addr string }{{"cryptomem", "0.0.0.0:0"}, {"tls", "127.0.0.1:0"}} {
			cmd, _ := start(refused.name, listen(refused.addr))
			Expect(cmd.Wait()).To(MatchError("exit status 3"), refused.name)
		}
	})
})
