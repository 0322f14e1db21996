package cli

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/pflag"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/sealing"
)

const keysUsage = `Usage:
    cryptomem keys [PREFIX] [--namespace NAME] [flags]

Prints the keys of the namespace that begin with PREFIX, or all its keys, one a
line, in no particular order. Keys with unprintable characters are quoted as Go
strings. Without a namespace, it prints the keys of all namespaces. A key that
is stored meanwhile may be printed twice. A server with "scan: false" refuses
this command. Blind names are hashes, and are not printed.

    --namespace NAME     the namespace of the keys (default
                         $CRYPTOMEM_NAMESPACE)
` + clientFlagsUsage + `
Example:
    $ cryptomem keys session: --namespace web
    session:7
    session:12
`

func keys(ctx context.Context, c *console, args []string) error {
	fs := pflag.NewFlagSet("keys", pflag.ContinueOnError)
	flags := newClientFlags(fs)
	fs.StringVar(&flags.namespace, "namespace", "", "")
	operands, err := parse(fs, args)
	if err != nil {
		return err
	}
	prefix := ""
	switch len(operands) {
	case 0:
	case 1:
		prefix = operands[0]
	default:
		return usageError("more than one PREFIX is given")
	}
	// nothing is sealed or opened: any key will do
	keyring, err := sealing.NewKeyring(time.Now())
	if err != nil {
		return err
	}
	return flags.withKeyring(ctx, c, keyring, func(ctx context.Context, client *cryptomem.Client) error {
		for key, err := range client.Keys(ctx, prefix) {
			if err != nil {
				return err
			}
			if key == "" || key[0] == '"' || printable(key) != key || strconv.Quote(key) != `"`+key+`"` {
				key = strconv.Quote(key)
			}
			fmt.Fprintln(c.out, key)
		}
		return nil
	})
}
