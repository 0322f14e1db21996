package cli

import (
	"context"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/Zezezknight/cryptomem/cryptomem"
)

const incrUsage = `Usage:
    cryptomem incr KEY [--by N] [--ttl DURATION] [flags]

Adds 1 to the whole number under KEY, or stores 1 if there is none, and prints
the new number.

    --by N               add N, which may be negative
    --ttl DURATION       TTL of a new number (default: as long as the server
                         keeps it); an existing number keeps its expiry
` + clientFlagsUsage + keyFlagsUsage + `
Example:
    $ export CRYPTOMEM_KEY_FILE=key.json
    $ cryptomem incr visits --ttl 1h
    1
`

func incr(ctx context.Context, c *console, args []string) error {
	fs := pflag.NewFlagSet("incr", pflag.ContinueOnError)
	flags := newClientFlags(fs).withKey(fs)
	by := fs.Int64("by", 1, "")
	var ttl durationFlag
	fs.Var(&ttl, "ttl", "")
	operands, err := parse(fs, args)
	if err != nil {
		return err
	}
	key, err := oneKey(operands)
	if err != nil {
		return err
	}
	return flags.withClient(ctx, c, func(ctx context.Context, client *cryptomem.Client) error {
		sum, err := client.Increment(ctx, key, *by, cryptomem.TTL(ttl.duration()))
		if err != nil {
			return fmt.Errorf("%s: %w", shown(key), err)
		}
		_, err = fmt.Fprintln(c.out, sum)
		return err
	})
}
