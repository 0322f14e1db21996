package cli

import (
	"bytes"
	"context"

	"github.com/spf13/pflag"

	"github.com/Zezezknight/cryptomem/cryptomem"
)

const getUsage = `Usage:
    cryptomem get KEY... [flags]

Fetches the value of KEY, opens it, and writes it to standard output, byte for
byte; on a terminal, a newline follows. With several keys, each value is a line,
in the order of the keys; keys without a value are named on standard error.
Exits 1 if a key has no value.

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
	if err := someKeys(operands); err != nil {
		return err
	}
	return flags.withClient(ctx, c, func(ctx context.Context, client *cryptomem.Client) error {
		results := client.GetMany(ctx, operands)
		terminal := isTerminal(c.out)
		next := 0
		return eachKey(operands, func(string) error {
			r := results[next]
			next++
			if r.Err != nil {
				return r.Err
			}
			if len(operands) > 1 || terminal && !bytes.HasSuffix(r.Value, []byte("\n")) {
				r.Value = append(r.Value, '\n')
			}
			_, err := c.out.Write(r.Value)
			return err
		})
	})
}
