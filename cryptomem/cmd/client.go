package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/config"
	"github.com/Zezezknight/cryptomem/sealing"
)

const clientFlagsUsage = `    --addr ADDRESS       the server (default $CRYPTOMEM_ADDR or localhost:8080)
    --timeout DURATION   give up after this long (default 5s)

    --tls                speak TLS, and trust the system's authorities
    --ca FILE            speak TLS, and trust the authorities in FILE (default
                         $CRYPTOMEM_CA)
    --server-name NAME   the name in the server's certificate (default: the host
                         of the address)
    --cert FILE          certificate to show the server ($CRYPTOMEM_CLIENT_CERT)
    --cert-key FILE      and its private key ($CRYPTOMEM_CLIENT_KEY)
    --identity NAME      authenticate as NAME ($CRYPTOMEM_IDENTITY)
    --token-file FILE    with the token in FILE ($CRYPTOMEM_TOKEN_FILE); without
                         a file, $CRYPTOMEM_TOKEN is the token itself
`

const keyFlagsUsage = `
    --key-file FILE      the key (default $CRYPTOMEM_KEY_FILE); without a file,
                         $CRYPTOMEM_KEY is the 32-byte secret itself
    --namespace NAME     the part of the key space to work in
`

// otherVariables are those that are read and are no settings of the server.
var otherVariables = []string{
	"CRYPTOMEM_CONFIG", "CRYPTOMEM_KEY_FILE", "CRYPTOMEM_KEY", "CRYPTOMEM_CA", "CRYPTOMEM_CLIENT_CERT",
	"CRYPTOMEM_CLIENT_KEY", "CRYPTOMEM_IDENTITY", "CRYPTOMEM_TOKEN_FILE", "CRYPTOMEM_TOKEN",
}

// clientFlags are the flags of every command that talks to a server.
type clientFlags struct {
	addr    string
	timeout durationFlag

	tls                           bool
	ca, serverName, cert, certKey string
	identity, tokenFile           string

	keyFile, namespace string
}

func newClientFlags(fs *pflag.FlagSet) *clientFlags {
	f := &clientFlags{timeout: durationFlag(5 * time.Second)}
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
	return f
}

// address is the first that a server in the same environment listens on.
func (f *clientFlags) address(c *console) string {
	addr := c.flagOr(f.addr, "CRYPTOMEM_ADDR")
	if addr == "" {
		return config.Default().Addr[0]
	}
	first, _, _ := strings.Cut(addr, ",")
	return strings.TrimSpace(first)
}

// flagOr returns a flag's value, or where it is empty the variable's.
func (c *console) flagOr(value, variable string) string {
	if value == "" {
		value, _ = c.env(variable)
	}
	return value
}

func (f *clientFlags) dial(ctx context.Context, c *console, opts ...cryptomem.Option) (*cryptomem.Client, error) {
	tlsConfig, err := f.tlsConfig(c)
	if err != nil {
		return nil, err
	}
	if tlsConfig != nil {
		opts = append(opts, cryptomem.WithTLS(tlsConfig))
	}
	if identity := c.flagOr(f.identity, "CRYPTOMEM_IDENTITY"); identity != "" {
		token, err := f.token(c)
		if err != nil {
			return nil, err
		}
		opts = append(opts, cryptomem.WithAuth(identity, token))
	}
	return cryptomem.Dial(ctx, f.address(c), opts...)
}

// tlsConfig returns nil where TLS was not asked for.
func (f *clientFlags) tlsConfig(c *console) (*tls.Config, error) {
	ca := c.flagOr(f.ca, "CRYPTOMEM_CA")
	cert, key := c.flagOr(f.cert, "CRYPTOMEM_CLIENT_CERT"), c.flagOr(f.certKey, "CRYPTOMEM_CLIENT_KEY")
	if !f.tls && ca == "" && cert == "" {
		return nil, nil
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS13, ServerName: f.serverName}
	if ca != "" {
		pem, err := os.ReadFile(ca)
		if err != nil {
			return nil, fmt.Errorf("read authorities: %w", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("no certificate in %s", ca)
		}
	}
	if cert != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return nil, fmt.Errorf("client certificate: %w", err)
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return cfg, nil
}

func (f *clientFlags) token(c *console) ([]byte, error) {
	if name := c.flagOr(f.tokenFile, "CRYPTOMEM_TOKEN_FILE"); name != "" {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read token: %w", err)
		}
		return []byte(strings.TrimRight(string(text), "\r\n")), nil
	}
	if token, _ := c.env("CRYPTOMEM_TOKEN"); token != "" {
		return []byte(token), nil
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
	ctx, cancel := context.WithTimeout(ctx, f.timeout.duration())
	defer cancel()
	opts := []cryptomem.Option{cryptomem.WithKeyring(keyring)}
	if f.namespace != "" {
		opts = append(opts, cryptomem.WithNamespace(f.namespace))
	}
	client, err := f.dial(ctx, c, opts...)
	if err != nil {
		return err
	}
	return errors.Join(do(ctx, client), client.Close())
}

// keyring loads the key that values are sealed with. It is never taken from a
// flag, which other users of the machine can read.
func (f *clientFlags) keyring(c *console) (*sealing.Keyring, error) {
	if name := c.flagOr(f.keyFile, "CRYPTOMEM_KEY_FILE"); name != "" {
		return sealing.ReadKeyFile(name)
	}
	secret, _ := c.env("CRYPTOMEM_KEY")
	if secret == "" {
		return nil, usageError(`no key: name a file that "cryptomem keygen" made with --key-file or CRYPTOMEM_KEY_FILE, or set CRYPTOMEM_KEY`)
	}
	kr, err := sealing.KeyringFromSecret([]byte(secret))
	if err != nil {
		return nil, fmt.Errorf("CRYPTOMEM_KEY: %w", err)
	}
	return kr, nil
}

// durationFlag is a duration with the units that the configuration knows.
type durationFlag time.Duration

func (d *durationFlag) duration() time.Duration { return time.Duration(*d) }
func (d *durationFlag) String() string          { return config.FormatDuration(time.Duration(*d)) }
func (d *durationFlag) Type() string            { return "duration" }

func (d *durationFlag) Set(text string) error {
	parsed, err := config.ParseDuration(text)
	*d = durationFlag(parsed)
	return err
}
