package clients_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/command"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/keyspace"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/resp"
	"github.com/Zezezknight/cryptomem/cryptomem/server"
	"github.com/Zezezknight/cryptomem/cryptomem/valkeystore"
	"github.com/Zezezknight/cryptomem/cryptomem/valkeystore/valkeytest"
)

// Variable demands that every program runs, as it does in continuous integration.
// Without it, those that are not installed are left out.
const Variable = "CRYPTOMEM_SPEC_REDIS_CLIENTS"

// A program is one of testdata, or a tool.
type program struct {
	needs []string // what has to be installed
	build func(dir string) []string
}

// installed leaves a spec out where something is missing, unless it is required.
func (p program) installed() {
	GinkgoHelper()
	for _, name := range p.needs {
		if _, err := exec.LookPath(name); err != nil {
			if os.Getenv(Variable) == "required" {
				Fail(name + " is not installed, and " + Variable + " is required")
			}
			Skip(name + " is not installed")
		}
	}
}

// debian is the Python that Debian's packages are for.
const debian = "/usr/bin/python3"

func python(file string, modules ...string) program {
	return program{[]string{debian}, func(string) []string {
		GinkgoHelper()
		if out, err := exec.Command(debian, "-c", "import "+strings.Join(modules, ",")).CombinedOutput(); err != nil {
			if os.Getenv(Variable) == "required" {
				Fail(string(out))
			}
			Skip("a module of Python is not installed")
		}
		return []string{debian, source("python", file)}
	}}
}

// node runs a program with the packages that the lock file names.
func node(file string) program {
	return program{[]string{"node", "npm"}, func(dir string) []string {
		GinkgoHelper()
		Expect(os.Symlink(filepath.Join(packages(), "node_modules"), filepath.Join(dir, "node_modules"))).To(Succeed())
		for _, name := range []string{"package.json", file} {
			copyFile(source("node", name), filepath.Join(dir, name))
		}
		return []string{"node", filepath.Join(dir, file)}
	}}
}

// packages returns the directory with the packages of the lock file, which are
// kept from run to run. Processes may install them at once: the first one's stay.
func packages() string {
	GinkgoHelper()
	cache, err := os.UserCacheDir()
	Expect(err).NotTo(HaveOccurred())
	lock, err := os.ReadFile(source("node", "package-lock.json"))
	Expect(err).NotTo(HaveOccurred())
	kept := filepath.Join(cache, fmt.Sprintf("cryptomem-clients-node-%x", sha256.Sum256(lock)))
	if _, err := os.Stat(kept); err == nil {
		return kept
	}
	Expect(os.MkdirAll(cache, 0o700)).To(Succeed())
	fresh, err := os.MkdirTemp(cache, "cryptomem-clients-node-")
	Expect(err).NotTo(HaveOccurred())
	defer func() { _ = os.RemoveAll(fresh) }() // where another was the first
	for _, name := range []string{"package.json", "package-lock.json"} {
		copyFile(source("node", name), filepath.Join(fresh, name))
	}
	run(fresh, nil, "npm", "ci", "--no-audit", "--no-fund")
	if err := os.Rename(fresh, kept); err != nil {
		Expect(kept).To(BeADirectory(), "%v", err)
	}
	return kept
}

func copyFile(from, to string) {
	GinkgoHelper()
	text, err := os.ReadFile(from)
	Expect(err).NotTo(HaveOccurred())
	Expect(os.WriteFile(to, text, 0o600)).To(Succeed())
}

func interpreted(interpreter, file string, args ...string) program {
	return program{[]string{interpreter}, func(string) []string {
		return append(append([]string{interpreter}, args...), source(interpreter, file))
	}}
}

var programs = map[string]program{
	"redis-py":                   python("redis_py.py", "redis"),
	"django-redis":               python("django_app.py", "django", "django_redis"),
	"flask-limiter":              python("flask_app.py", "flask_limiter", "redis"),
	"node redis 4 to 6":          node("redis.js"),
	"ioredis 5 and 6, redlock":   node("ioredis.js"),
	"express, limiters and keyv": node("web.js"),
	"phpredis, sessions of PHP":  interpreted("php", "session.php"),
	"the redis gem":              interpreted("ruby", "cache.rb"),
	"hiredis": {[]string{"cc"}, func(dir string) []string {
		out := filepath.Join(dir, "program")
		run(".", nil, "cc", "-o", out, source("hiredis", "main.c"), "-lhiredis")
		return []string{out}
	}},
	"go-redis, rueidis, valkey-go": {[]string{"go"}, func(dir string) []string {
		out := filepath.Join(dir, "program")
		run(source("go"), []string{"GOWORK=off"}, "go", "build", "-o", out, ".")
		return []string{out}
	}},
	"redis-benchmark": {[]string{"redis-benchmark"}, func(string) []string {
		return []string{"sh", "-c", "redis-benchmark -h $REDIS_HOST -p $REDIS_PORT -q -e -n 5000 -P 16 -r 500 -t ping,set,get,incr,sadd,hset,mset,zadd && " +
			"redis-benchmark -h $REDIS_HOST -p $REDIS_PORT -3 -q -e -n 2000 -t set,get,spop,lpop"}
	}},
	"redis-cli": {[]string{"redis-cli"}, func(string) []string {
		return []string{"sh", "-euc", `
			cli="redis-cli -h $REDIS_HOST -p $REDIS_PORT"
			test "$($cli set a 1)" = OK
			test "$($cli -3 incr a)" = 2
			test "$(printf 'hset h f v\nhgetall h\n' | $cli --csv)" = "$(printf '1\n"f","v"')"
			test "$(printf '*1\r\n$4\r\nPING\r\n' | $cli --pipe | tail -1)" = "errors: 0, replies: 1"
			test "$($cli -n 3 exists a)" = 0
			test "$($cli eval 'return redis.call("get", KEYS[1])' 1 a)" = 2
			printf x | $cli -x set stdin | grep -q OK
			$cli info server | grep -q redis_version:7.0`}
	}},
}

func source(parts ...string) string {
	GinkgoHelper()
	path, err := filepath.Abs(filepath.Join(append([]string{"testdata"}, parts...)...))
	Expect(err).NotTo(HaveOccurred())
	return path
}

// run runs a command to its end, which must be a good one.
func run(dir string, env []string, name string, args ...string) {
	GinkgoHelper()
	const longest = 3 * time.Minute
	ctx, cancel := context.WithTimeout(context.Background(), longest)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), string(out))
}

// A connect makes a client of a namespace.
type connect func(namespace string) (*cryptomem.Client, error)

// A target is what programs speak to.
type target struct {
	name   string
	addr   string
	shared connect // whose clients have the same values; nil for Redis
}

var secret = []byte("the secret of these specs, no mor")[:32]

// serve runs a proxy on TCP whose databases are the namespaces spec, spec/1, …
func serve(client connect) string {
	GinkgoHelper()
	clk := clock.New()
	var mu sync.Mutex
	var clients []*cryptomem.Client // one for each database that was asked for
	DeferCleanup(func() {
		for _, c := range clients {
			Expect(c.Close()).To(Succeed())
		}
	})
	p := proxy.New(proxy.Settings{
		Space: func(database int) (*keyspace.Space, error) {
			namespace := "spec"
			if database > 0 {
				namespace += "/" + string(rune('0'+database))
			}
			c, err := client(namespace)
			if err != nil {
				return nil, err
			}
			mu.Lock()
			defer mu.Unlock()
			clients = append(clients, c)
			return keyspace.New(keyspace.Config{Upstream: keyspace.NewSealed(c, clk), Clock: clk}), nil
		},
		Clock: clk, Random: rand.IntN,
		Commands: command.Limits{MaxString: 17 << 20}, Requests: resp.Limits{MaxArg: 17 << 20},
	})
	srv := p.NewServer(proxy.Limits{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	go func() { _ = srv.Serve(l) }() // ends with the server
	DeferCleanup(srv.Close)
	return l.Addr().String()
}

var clientOptions = []cryptomem.Option{cryptomem.WithSecret(secret), cryptomem.WithMaxValueSize(18 << 20)}

// onServer is a proxy over a cryptomem server.
func onServer() target {
	GinkgoHelper()
	s, err := server.New(server.Config{AllowFlush: true, MaxMemory: 256 << 20, MaxValueSize: 18 << 20})
	Expect(err).NotTo(HaveOccurred())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	go func() { _ = s.Serve(l) }() // ends with the server
	DeferCleanup(s.Close)
	client := func(namespace string) (*cryptomem.Client, error) {
		return cryptomem.Open(l.Addr().String(), append(clientOptions, cryptomem.WithNamespace(namespace))...)
	}
	return target{"proxy", serve(client), client}
}

// onRedis is a proxy over a Redis.
func onRedis() target {
	GinkgoHelper()
	addr := valkeytest.Start(GinkgoTB()).Addr
	client := over("redis://" + addr)
	return target{"proxy", serve(client), client}
}

// over connects clients to the store that a URL names.
func over(url string, opts ...valkeystore.Option) connect {
	return func(namespace string) (*cryptomem.Client, error) {
		store, err := valkeystore.Open(url, opts...)
		if err != nil {
			return nil, err
		}
		return cryptomem.NewClient(store, append(clientOptions, cryptomem.WithNamespace(namespace))...)
	}
}

// plain is a Redis itself.
func plain() target {
	GinkgoHelper()
	return target{name: "redis", addr: valkeytest.Start(GinkgoTB()).Addr}
}

// speak runs the program against the target.
func (t target) speak(p program, dir string) {
	GinkgoHelper()
	host, port, err := net.SplitHostPort(t.addr)
	Expect(err).NotTo(HaveOccurred())
	env := []string{"TARGET=" + t.name, "REDIS_HOST=" + host, "REDIS_PORT=" + port, "REDIS_URL=redis://" + t.addr + "/0"}
	argv := p.build(dir)
	run(dir, env, argv[0], argv[1:]...)
}

var _ = Describe("A program that speaks Redis", func() {
	for _, name := range slices.Sorted(maps.Keys(programs)) {
		p := programs[name]
		Context("with "+name, func() {
			BeforeEach(p.installed)

			It("is right, says a Redis", func() { plain().speak(p, GinkgoT().TempDir()) })

			It("works on a proxy over a server", func() { onServer().speak(p, GinkgoT().TempDir()) })

			It("works on a proxy over Redis", func() { onRedis().speak(p, GinkgoT().TempDir()) })
		})
	}

	It("shares values with Go clients, both ways", func() {
		programs["redis-cli"].installed()
		for _, t := range []target{onServer(), onRedis()} {
			ctx := context.Background()
			c, err := t.shared("spec")
			Expect(err).NotTo(HaveOccurred())
			DeferCleanup(c.Close)
			ask := func(script string) {
				t.speak(program{build: func(string) []string {
					return []string{"sh", "-euc", `cli="redis-cli -h $REDIS_HOST -p $REDIS_PORT"; ` + script}
				}}, GinkgoT().TempDir())
			}
			ask(`$cli set greeting hello ex 100`)
			item, err := c.GetItem(ctx, "greeting")
			Expect(err).NotTo(HaveOccurred())
			Expect(string(item.Value)).To(Equal("hello"))
			Expect(c.Set(ctx, "back", []byte("from Go"), cryptomem.TTL(time.Minute))).To(Succeed())
			ask(`test "$($cli get back)" = "from Go"; test "$($cli ttl back)" -le 60; $cli append back " and back"`)
			Expect(c.Get(ctx, "back")).To(Equal([]byte("from Go and back")))
		}
	})
})
