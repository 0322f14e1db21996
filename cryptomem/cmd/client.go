package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/config"
	"github.com/Zezezknight/cryptomem/sealing"
)

const clientFlagsUsage = `    --addr ADDRESS       the server (default $CRYPTOMEM_ADDR or localhost:8080)
    --timeout DURATION   give up after this long (default 5s)
`

const keyFlagsUsage = `    --key-file FILE      the key (default $CRYPTOMEM_KEY_FILE); without a file,
                         $CRYPTOMEM_KEY is the 32-byte secret itself
    --namespace NAME     the part of the key space to work in
`

// clientFlags are the flags of every command that talks to a server.
type clientFlags struct {
	addr, keyFile, namespace string
	timeout                  durationFlag
}

func newClientFlags(fs *pflag.FlagSet) *clientFlags {
	f := &clientFlags{timeout: durationFlag(5 * time.Second)}
	fs.StringVar(&f.addr, "addr", "", "")
	fs.Var(&f.timeout, "timeout", "")
	return f
}

func (f *clientFlags) withKey(fs *pflag.FlagSet) *clientFlags {
	fs.StringVar(&f.keyFile, "key-file", "", "")
	fs.StringVar(&f.namespace, "namespace", "", "")
	return f
}

// address is the first that a server in the same environment listens on.
func (f *clientFlags) address(c *console) string {
	addr := f.addr
	if addr == "" {
		addr, _ = c.env("CRYPTOMEM_ADDR")
	}
	if addr == "" {
		return config.Default().Addr[0]
	}
	first, _, _ := strings.Cut(addr, ",")
	return strings.TrimSpace(first)
}

func (f *clientFlags) dial(ctx context.Context, c *console, opts ...cryptomem.Option) (*cryptomem.Client, error) {
	return cryptomem.Dial(ctx, f.address(c), opts...)
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
	defer client.Close() //nolint:errcheck // do has its answer
	return do(ctx, client)
}

// keyring loads the key that values are sealed with. It is never taken from a
// flag, which other users of the machine can read.
func (f *clientFlags) keyring(c *console) (*sealing.Keyring, error) {
	name := f.keyFile
	if name == "" {
		name, _ = c.env("CRYPTOMEM_KEY_FILE")
	}
	if name != "" {
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
