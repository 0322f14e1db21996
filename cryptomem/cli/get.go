package cli

import (
	"context"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/Zezezknight/cryptomem/cryptomem"
)

const getUsage = `Usage:
    cryptomem get KEY [flags]

Fetches the value under KEY, opens it, and writes its bytes to standard output
as they were stored. Exits 1 if there is none.

` + clientFlagsUsage + keyFlagsUsage + `
Example:
    $ export CRYPTOMEM_KEY_FILE=key.json
    $ cryptomem get greeting
    hello
`

func get(ctx context.Context, c *console, args []string) error {
	fs := pflag.NewFlagSet("get", pflag.ContinueOnError)
	flags := newClientFlags(fs).withKey(fs)
	operands, err := parse(fs, args)
	if err != nil {
		return err
	}
	key, err := oneKey(operands)
	if err != nil {
		return err
	}
	return flags.withClient(ctx, c, func(ctx context.Context, client *cryptomem.Client) error {
		value, err := client.Get(ctx, key)
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		_, err = c.out.Write(value)
		return err
	})
}
