package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/Zezezknight/cryptomem/cryptomem"

	"github.com/Zezezknight/cryptomem/cryptomem/quantity"
)

const ttlUsage = `Usage:
    cryptomem ttl KEY [flags]

Prints how long the value of KEY has left, such as 59.2s, or "never" if it does
not expire. It reads the sealed expiry, and does not rely on the server's.
Exits 1 if there is no value.

` + clientFlagsUsage + keyFlagsUsage + `
Example:
    $ export CRYPTOMEM_KEY_FILE=key.json
    $ cryptomem ttl greeting
    59.2s
`

func showTTL(ctx context.Context, c *console, args []string) error {
	fs := pflag.NewFlagSet("ttl", pflag.ContinueOnError)
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
		item, err := client.GetItem(ctx, key)
		if err != nil {
			return fmt.Errorf("%s: %w", shown(key), err)
		}
		left := "never"
		if !item.Expires.IsZero() {
			left = quantity.FormatDuration(max(time.Until(item.Expires).Round(100*time.Millisecond), 0))
		}
		_, err = fmt.Fprintln(c.out, left)
		return err
	})
}
