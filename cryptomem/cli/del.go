package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/pflag"

	"github.com/Zezezknight/cryptomem/cryptomem"
)

const delUsage = `Usage:
    cryptomem del KEY... [flags]

Removes the values under the keys. Exits 1 if there was none under one of them.

` + clientFlagsUsage + keyFlagsUsage + `
Example:
    $ export CRYPTOMEM_KEY_FILE=key.json
    $ cryptomem del greeting
`

func del(ctx context.Context, c *console, args []string) error {
	fs := pflag.NewFlagSet("del", pflag.ContinueOnError)
	flags := newClientFlags(fs).withKey(fs)
	keys, err := parse(fs, args)
	if err != nil {
		return err
	}
	if len(keys) == 0 {
		return usageError("KEY is missing")
	}
	if slices.Contains(keys, "") {
		return usageError("KEY is empty")
	}
	return flags.withClient(ctx, c, func(ctx context.Context, client *cryptomem.Client) error {
		var missing error
		for _, key := range keys {
			err := client.Delete(ctx, key)
			if errors.Is(err, cryptomem.ErrNotFound) {
				missing = errors.Join(missing, fmt.Errorf("%s: %w", key, err))
				continue
			}
			if err != nil {
				return err
			}
		}
		return missing
	})
}
