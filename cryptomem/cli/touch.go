package cli

import (
	"context"

	"github.com/spf13/pflag"

	"github.com/Zezezknight/cryptomem/cryptomem"
)

const touchUsage = `Usage:
    cryptomem touch KEY... --ttl DURATION [flags]

Gives the values of the keys a new TTL, from now on. The expiry is sealed with
the value, so each value is fetched, sealed again and stored again.
Exits 1 if a key has no value.

    --ttl DURATION       such as 90s or 7d; 0 keeps the values as long as the
                         server does
` + clientFlagsUsage + keyFlagsUsage + `
Example:
    $ export CRYPTOMEM_KEY_FILE=key.json
    $ cryptomem touch greeting --ttl 1h
`

func touch(ctx context.Context, c *console, args []string) error {
	fs := pflag.NewFlagSet("touch", pflag.ContinueOnError)
	flags := newClientFlags(fs).withKey(fs)
	var ttl durationFlag
	fs.Var(&ttl, "ttl", "")
	keys, err := parse(fs, args)
	if err != nil {
		return err
	}
	if !fs.Changed("ttl") {
		return usageError("--ttl is missing")
	}
	if err := someKeys(keys); err != nil {
		return err
	}
	return flags.withClient(ctx, c, func(ctx context.Context, client *cryptomem.Client) error {
		return eachKey(keys, func(key string) error {
			return client.Touch(ctx, key, cryptomem.TTL(ttl.duration()))
		})
	})
}
