package doctor_test

import (
	"context"
	"net"
	"os"
	"path/filepath"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem/doctor"
	"github.com/Zezezknight/cryptomem/cryptomem/server/config"
)

var _ = Describe("A proxy", func() {
	var proxy doctor.Proxy
	BeforeEach(func() {
		clk := clock.NewMock()
		clk.Set(today)
		proxy = doctor.Proxy{Config: config.DefaultProxy(), Clock: clk, Ping: func(context.Context) error { return nil }}
	})
	about := func(subject string) doctor.Finding {
		GinkgoHelper()
		for _, f := range doctor.ExamineProxy(context.Background(), proxy) {
			if f.Subject == subject {
				return f
			}
		}
		Fail("nothing is found about " + subject)
		return doctor.Finding{}
	}

	It("is told which users of this machine may connect", func() {
		dir := GinkgoT().TempDir()
		socket, password := "unix:"+filepath.Join(dir, "s"), filepath.Join(dir, "password")
		Expect(os.WriteFile(password, []byte("a password that only specs may have\n"), 0o600)).To(Succeed())
		for _, c := range []struct {
			addr     []string
			password string
			who      string
		}{
			{[]string{socket}, "", "may open the socket"},
			{[]string{socket}, password, "may open the socket and have the password"},
			{[]string{"localhost:1"}, password, "have the password"},
			{[]string{socket, "localhost:1"}, password, "may open the socket and have the password, or have the password"},
		} {
			proxy.Config.Addr, proxy.Config.PasswordFile = c.addr, c.password
			Expect(about("who can connect")).To(Equal(doctor.Finding{
				Severity: doctor.Fine, Subject: "who can connect", Text: "those of this machine who " + c.who,
			}))
		}
	})

	It("is told how to find out what listens in its place, on a port or a socket", func() {
		mute := func(network, addr string) string {
			l, err := net.Listen(network, addr)
			Expect(err).NotTo(HaveOccurred())
			DeferCleanup(l.Close)
			go func() {
				for conn, err := l.Accept(); err == nil; conn, err = l.Accept() {
					_ = conn.Close()
				}
			}()
			return l.Addr().String()
		}
		port, socket := mute("tcp", "127.0.0.1:0"), mute("unix", filepath.Join(GinkgoT().TempDir(), "s"))
		for addr, advice := range map[string]string{port: "ss -ltnp", "unix:" + socket: "ss -lxp"} {
			proxy.Config.Addr = []string{addr}
			Expect(about("proxy")).To(And(HaveField("Severity", doctor.Problem), HaveField("Advice", ContainSubstring(advice))))
		}
	})
})
