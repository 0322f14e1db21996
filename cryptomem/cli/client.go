package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/spf13/pflag"

	"github.com/Zezezknight/cryptomem/cryptomem"

	"github.com/Zezezknight/cryptomem/cryptomem/doctor"
	"github.com/Zezezknight/cryptomem/cryptomem/quantity"
	"github.com/Zezezknight/cryptomem/cryptomem/server/access"
	"github.com/Zezezknight/cryptomem/cryptomem/server/config"
	"github.com/Zezezknight/cryptomem/cryptomem/valkeystore"
	"github.com/Zezezknight/cryptomem/sealing"
	"github.com/Zezezknight/cryptomem/transport/address"
)

const clientFlagsUsage = `    --addr ADDRESS       the server (default $CRYPTOMEM_SERVER, then
                         $CRYPTOMEM_ADDR, then localhost:8080); or several,
                         separated by commas, that share the keys; or a Valkey
                         or Redis: valkey://HOST, valkeys://HOST for TLS. An
                         address with a password belongs in $CRYPTOMEM_SERVER
    --timeout DURATION   give up after this long (default 5s)

    --tls                use TLS, and trust the system's authorities
    --ca FILE            use TLS, and trust the authorities in FILE (default
                         $CRYPTOMEM_CA)
    --server-name NAME   the name in the server's certificate (default: the host
                         of the address)
    --cert FILE          client certificate (default $CRYPTOMEM_CLIENT_CERT)
    --cert-key FILE      its private key (default $CRYPTOMEM_CLIENT_KEY)
    --identity NAME      authenticate as NAME (default $CRYPTOMEM_IDENTITY)
    --token-file FILE    file with the token (default $CRYPTOMEM_TOKEN_FILE);
                         or set $CRYPTOMEM_TOKEN to the token itself
`

const keyFlagsUsage = `
    --key-file FILE      sealing keys (default $CRYPTOMEM_KEY_FILE); or set
                         $CRYPTOMEM_KEY to a 32-byte secret
    --namespace NAME     the namespace of the keys (default
                         $CRYPTOMEM_NAMESPACE)
    --not-before TIME    refuse values that were sealed before TIME, such as
                         2030-01-01T12:00:00Z (default $CRYPTOMEM_NOT_BEFORE)
`

// otherVariables are those that are read and are no settings of the server.
var otherVariables = []string{
	"CRYPTOMEM_CONFIG", "CRYPTOMEM_PROXY_CONFIG", "CRYPTOMEM_SERVER", "CRYPTOMEM_KEY_FILE", "CRYPTOMEM_KEY", "CRYPTOMEM_CA", "CRYPTOMEM_CLIENT_CERT",
	"CRYPTOMEM_CLIENT_KEY", "CRYPTOMEM_IDENTITY", "CRYPTOMEM_TOKEN_FILE", "CRYPTOMEM_TOKEN", "CRYPTOMEM_NAMESPACE", "CRYPTOMEM_NOT_BEFORE",
}

// variableFlags are flags by the names that their variables suggest.
var variableFlags = map[string]string{
	"server": "addr", "client-cert": "cert", "client-key": "cert-key", "key": "key-file", "token": "token-file",
}

// clientFlags are the flags of every command that talks to a server.
type clientFlags struct {
	addr    string
	timeout positiveFlag

	tls                           bool
	ca, serverName, cert, certKey string
	identity, tokenFile           string

	keyFile, namespace, notBefore string
}

func newClientFlags(fs *pflag.FlagSet) *clientFlags {
	f := &clientFlags{timeout: positiveFlag{durationFlag(5 * time.Second)}}
	fs.StringVar(&f.addr, "addr", "", "")
	fs.Var(&f.timeout, "timeout", "")
	fs.BoolVar(&f.tls, "tls", false, "")
	fs.StringVar(&f.ca, "ca", "", "")
	fs.StringVar(&f.serverName, "server-name", "", "")
	fs.StringVar(&f.cert, "cert", "", "")
	fs.StringVar(&f.certKey, "cert-key", "", "")
	fs.StringVar(&f.identity, "identity", "", "")
	fs.StringVar(&f.tokenFile, "token-file", "", "")
	return f
}

func (f *clientFlags) withKey(fs *pflag.FlagSet) *clientFlags {
	fs.StringVar(&f.keyFile, "key-file", "", "")
	fs.StringVar(&f.namespace, "namespace", "", "")
	fs.StringVar(&f.notBefore, "not-before", "", "")
	return f
}

// settings joins the flags with the environment. All that a client command does
// rests on them, and so does what the doctor says of it.
func (f *clientFlags) settings(c *console) doctor.Client {
	s := doctor.Client{
		Addr: f.address(c), Clock: clock.New(), Timeout: f.timeout.duration(),
		TLS: f.tls, CA: c.flagOr(f.ca, "CRYPTOMEM_CA"), ServerName: f.serverName,
		Cert: c.flagOr(f.cert, "CRYPTOMEM_CLIENT_CERT"), CertKey: c.flagOr(f.certKey, "CRYPTOMEM_CLIENT_KEY"),
		Identity: c.flagOr(f.identity, "CRYPTOMEM_IDENTITY"), TokenFile: c.flagOr(f.tokenFile, "CRYPTOMEM_TOKEN_FILE"),
		KeyFile: c.flagOr(f.keyFile, "CRYPTOMEM_KEY_FILE"), Namespace: c.flagOr(f.namespace, "CRYPTOMEM_NAMESPACE"),
		NotBefore: c.flagOr(f.notBefore, "CRYPTOMEM_NOT_BEFORE"),
	}
	// a flag overrules both variables
	if f.tokenFile == "" {
		token, _ := c.env("CRYPTOMEM_TOKEN")
		s.Token = string(access.ParseToken([]byte(token)))
	}
	if f.keyFile == "" {
		s.Secret, _ = c.env("CRYPTOMEM_KEY")
	}
	if len(s.Secret) > sealing.KeySize {
		s.Secret = strings.TrimRight(s.Secret, "\r\n") // which came with it from a file
	}
	return s
}

// address is the server's, or those of several with commas in between, or else the
// first that a server in the same environment listens on.
func (f *clientFlags) address(c *console) string {
	named := c.flagOr(f.addr, "CRYPTOMEM_SERVER")
	addr := c.flagOr(named, "CRYPTOMEM_ADDR")
	switch {
	case addr == "":
		return config.Default().Addr[0]
	case isValkey(addr):
		return addr
	}
	all, err := address.ParseList(addr)
	if err != nil {
		return addr // which connecting says, with what to write
	}
	if named == "" {
		all = all[:1]
	}
	texts := make([]string, len(all))
	for i, a := range all {
		if texts[i] = a.String(); a.Path == "" && a.Host == "" { // where a server listens on every address
			texts[i] = "localhost" + texts[i]
		}
	}
	return strings.Join(texts, ",")
}

// addressFrom names where the address comes from.
func (f *clientFlags) addressFrom(c *console) string {
	switch {
	case f.addr != "":
		return "--addr"
	case c.flagOr("", "CRYPTOMEM_SERVER") != "":
		return "CRYPTOMEM_SERVER"
	}
	return "CRYPTOMEM_ADDR"
}

// each returns the flags for each of several servers by itself.
func (f *clientFlags) each(c *console) []*clientFlags {
	addr := f.address(c)
	if isValkey(addr) {
		return []*clientFlags{f}
	}
	var all []*clientFlags
	for one := range strings.SplitSeq(addr, ",") {
		alone := *f
		alone.addr = one
		all = append(all, &alone)
	}
	return all
}

// oneServer refuses several servers to what is about one, and what is no address.
func (f *clientFlags) oneServer(c *console, what string) error {
	if err := f.checkAddress(c); err != nil {
		return err
	}
	if n := len(f.each(c)); n > 1 {
		return usageError(fmt.Sprintf("%s is for one server, and %d are named; choose one with --addr", what, n))
	}
	return nil
}

// flagOr returns a flag's value, or where it is empty the variable's.
func (c *console) flagOr(value, variable string) string {
	if value == "" {
		value, _ = c.env(variable)
	}
	return value
}

// shown is the address as it may be printed: without a password.
func (f *clientFlags) shown(c *console) string {
	addr := f.address(c)
	if a, err := valkeystore.ParseAddress(addr); err == nil {
		return a.String()
	} else if isValkey(addr) {
		return "the store"
	}
	return addr
}

// ownServer refuses a Valkey or Redis to a command that only cryptomem's own
// server has the answers for.
func (f *clientFlags) ownServer(c *console, command string) error {
	if !isValkey(f.address(c)) {
		return nil
	}
	return usageError(command + " is about cryptomem's own server, and the address is a URL, as those of Valkey and Redis are; ping and the commands on keys work there")
}

// isValkey reports whether the address is a URL, as those of Valkey and Redis are.
func isValkey(addr string) bool { return strings.Contains(addr, "://") }

func (f *clientFlags) dial(ctx context.Context, c *console, opts ...cryptomem.Option) (*cryptomem.Client, error) {
	s := f.settings(c)
	tlsConfig, err := s.TLSConfig()
	if err != nil {
		return nil, configError{err}
	}
	if isValkey(s.Addr) {
		return openValkey(s, tlsConfig, opts)
	}
	opts = append(opts, cryptomem.WithTimeout(s.Timeout))
	if tlsConfig != nil {
		opts = append(opts, cryptomem.WithTLS(tlsConfig))
	}
	if s.Identity != "" {
		token, err := readToken(s)
		if err != nil {
			return nil, err
		}
		opts = append(opts, cryptomem.WithAuth(s.Identity, token))
	}
	if err := f.check(c, opts); err != nil {
		return nil, err
	}
	return cryptomem.Dial(ctx, s.Addr, opts...)
}

// check returns what is wrong with the address or the options, before anything
// connects.
func (f *clientFlags) check(c *console, opts []cryptomem.Option) error {
	if err := f.checkAddress(c); err != nil {
		return err
	}
	client, err := cryptomem.Open(f.address(c), opts...)
	if err != nil {
		return configError{err}
	}
	return client.Close()
}

// checkAddress returns what is wrong with the address of a server or of several.
func (f *clientFlags) checkAddress(c *console) error {
	if _, err := address.ParseList(f.address(c)); err != nil {
		return configError{fmt.Errorf("%s: %w", f.addressFrom(c), err)}
	}
	return nil
}

// openValkey returns a client of a Valkey or Redis. What they ask of a client is in
// the address.
func openValkey(s doctor.Client, tlsConfig *tls.Config, opts []cryptomem.Option) (*cryptomem.Client, error) {
	if s.Identity != "" {
		return nil, usageError("user and password of a Valkey or Redis are part of its address: valkey://user:password@host; --identity and CRYPTOMEM_IDENTITY are for cryptomem's own server")
	}
	storeOpts := []valkeystore.Option{valkeystore.WithTimeout(s.Timeout)}
	if tlsConfig != nil {
		storeOpts = append(storeOpts, valkeystore.WithTLS(tlsConfig))
	}
	store, err := valkeystore.Open(s.Addr, storeOpts...)
	if err != nil {
		return nil, usageError(err.Error())
	}
	return cryptomem.NewClient(store, opts...)
}

func readToken(s doctor.Client) ([]byte, error) {
	switch {
	case s.TokenFile != "" && s.Token != "":
		return nil, usageError("CRYPTOMEM_TOKEN_FILE and CRYPTOMEM_TOKEN are both set; unset one of them")
	case s.TokenFile != "":
		token, err := access.ReadToken(s.TokenFile)
		if err != nil {
			return nil, configError{err}
		}
		return token, nil
	case s.Token != "":
		return []byte(s.Token), nil
	}
	return nil, usageError("an identity needs a token: name its file with --token-file or CRYPTOMEM_TOKEN_FILE, or set CRYPTOMEM_TOKEN")
}

// dialKeyless connects for commands that neither seal nor open: any key will do.
func (f *clientFlags) dialKeyless(ctx context.Context, c *console) (*cryptomem.Client, error) {
	keyring, err := sealing.NewKeyring(time.Now())
	if err != nil {
		return nil, err
	}
	return f.dial(ctx, c, cryptomem.WithKeyring(keyring))
}

// withClient calls do with a client that seals, and closes it.
func (f *clientFlags) withClient(ctx context.Context, c *console, do func(context.Context, *cryptomem.Client) error) error {
	keyring, err := f.keyring(c)
	if err != nil {
		return err
	}
	return f.withKeyring(ctx, c, keyring, do)
}

// withKeyring is withClient with keys that are at hand. How large a value may be is
// the server's affair.
func (f *clientFlags) withKeyring(ctx context.Context, c *console, keyring *sealing.Keyring, do func(context.Context, *cryptomem.Client) error) error {
	s := f.settings(c)
	cut, err := s.Cut()
	if err != nil {
		return usageError(err.Error())
	}
	opts := []cryptomem.Option{
		cryptomem.WithKeyring(keyring), cryptomem.WithMaxValueSize(maxInput + sealing.Overhead), cryptomem.WithNotBefore(cut),
	}
	if s.Namespace != "" {
		opts = append(opts, cryptomem.WithNamespace(s.Namespace))
	}
	return f.call(ctx, c, func(ctx context.Context) error {
		client, err := f.dial(ctx, c, opts...)
		if err != nil {
			return err
		}
		return errors.Join(do(ctx, client), client.Close())
	})
}

// keyring loads the key that values are sealed with. It is never taken from a
// flag, which other users of the machine can read.
func (f *clientFlags) keyring(c *console) (*sealing.Keyring, error) {
	s := f.settings(c)
	switch {
	case s.KeyFile != "" && s.Secret != "":
		return nil, usageError("CRYPTOMEM_KEY_FILE and CRYPTOMEM_KEY are both set; unset one of them")
	case s.KeyFile != "":
		kr, err := sealing.ReadKeyFile(s.KeyFile)
		if err != nil {
			return nil, configError{err}
		}
		return kr, nil
	case s.Secret == "":
		return nil, usageError(`no key: name a file that "cryptomem keygen" made with --key-file or CRYPTOMEM_KEY_FILE, or set CRYPTOMEM_KEY`)
	}
	kr, err := sealing.KeyringFromSecret([]byte(s.Secret))
	if err != nil {
		return nil, configError{fmt.Errorf("CRYPTOMEM_KEY: %w", err)}
	}
	if few := doctor.EncodedSecret(s.Secret); few != "" {
		fmt.Fprintf(c.err, "warning: CRYPTOMEM_KEY: %s; \"cryptomem keygen\" draws one in full\n", few)
	}
	return kr, nil
}

// durationFlag is a duration with the units that the configuration knows.
type durationFlag time.Duration

func (d *durationFlag) duration() time.Duration { return time.Duration(*d) }
func (d *durationFlag) String() string          { return quantity.FormatDuration(time.Duration(*d)) }
func (d *durationFlag) Type() string            { return "duration" }

func (d *durationFlag) Set(text string) error {
	parsed, err := quantity.ParseDuration(text)
	*d = durationFlag(parsed)
	return err
}

// positiveFlag is a duration that cannot be nothing.
type positiveFlag struct{ durationFlag }

func (d *positiveFlag) Set(text string) error {
	err := d.durationFlag.Set(text)
	if err == nil && d.durationFlag == 0 {
		err = errors.New("it must be greater than 0")
	}
	return err
}
