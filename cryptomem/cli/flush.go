package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/Zezezknight/cryptomem/cryptomem"

	"github.com/Zezezknight/cryptomem/sealing"
)

const flushUsage = `Usage:
    cryptomem flush (PREFIX | --all) [--namespace NAME] [flags]

Removes the values of the namespace whose keys begin with PREFIX, or all of
them, and prints how many there were. Without a namespace, --all removes
everything that the server holds. The server must have "flush: true" set.

    --all                remove all keys
    --namespace NAME     the namespace of the keys (default
                         $CRYPTOMEM_NAMESPACE)
` + clientFlagsUsage + `
Example:
    $ cryptomem flush session: --namespace web
    412
`

func flush(ctx context.Context, c *console, args []string) error {
	fs := pflag.NewFlagSet("flush", pflag.ContinueOnError)
	flags := newClientFlags(fs)
	fs.StringVar(&flags.namespace, "namespace", "", "")
	all := fs.Bool("all", false, "")
	operands, err := parse(fs, args)
	if err != nil {
		return err
	}
	prefix := ""
	switch {
	case *all && len(operands) > 0:
		return usageError("--all and a PREFIX do not go together")
	case len(operands) > 1:
		return usageError("more than one PREFIX is given")
	case *all:
	case len(operands) == 0 || operands[0] == "":
		return usageError("PREFIX is missing; --all removes all keys")
	default:
		prefix = operands[0]
	}
	// nothing is sealed or opened: any key will do
	keyring, err := sealing.NewKeyring(time.Now())
	if err != nil {
		return err
	}
	err = flags.withKeyring(ctx, c, keyring, func(ctx context.Context, client *cryptomem.Client) error {
		removed, err := client.Flush(ctx, prefix)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(c.out, removed)
		return err
	})
	if errors.Is(err, cryptomem.ErrFlushDisabled) {
		return fmt.Errorf("%w; its setting flush allows it", err)
	}
	return err
}
