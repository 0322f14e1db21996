package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/pflag"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

const delUsage = `Usage:
    cryptomem del KEY... [flags]

Removes the values of the keys. Exits 1 if a key has no value.

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
	if err := someKeys(keys); err != nil {
		return err
	}
	return flags.withClient(ctx, c, func(ctx context.Context, client *cryptomem.Client) error {
		return eachKey(keys, func(key string) error { return client.Delete(ctx, key) })
	})
}

// someKeys checks the operands of commands that work on one key or more.
func someKeys(keys []string) error {
	switch {
	case len(keys) == 0:
		return usageError("KEY is missing")
	case slices.Contains(keys, ""):
		return usageError("KEY is empty")
	}
	return nil
}

// maxShownKey is the longest key that an error shows in full, in bytes.
const maxShownKey = 250

// shown is the key as an error names it.
func shown(key string) string {
	if len(key) > maxShownKey {
		return wire.Quote([]byte(key))
	}
	return printableName(key)
}

// eachKey calls do for every key. That there is none under some does not keep it
// from going on.
func eachKey(keys []string, do func(key string) error) error {
	var missing error
	for _, key := range keys {
		err := do(key)
		if err == nil {
			continue
		}
		err = fmt.Errorf("%s: %w", shown(key), err)
		if !errors.Is(err, cryptomem.ErrNotFound) {
			return err
		}
		missing = errors.Join(missing, err)
	}
	return missing
}
