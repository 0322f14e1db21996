package cli

import (
	"context"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/Zezezknight/cryptomem/cryptomem/server/access"
	"github.com/Zezezknight/cryptomem/sealing/safefile"
)

const tokenUsage = `Usage:
    cryptomem token NAME --output FILE [flags]

Draws a token for the identity NAME and writes it to FILE, which only you can
read; an existing file is never overwritten. On standard output goes the entry
for the server's identities file, which holds only a hash of the token.

    -o, --output FILE    where to write the token
    --namespace NAME     let the identity use this namespace; may be repeated
    --prefix PREFIX      let it use keys that begin so, "" for every key; may be
                         repeated. Without a namespace, a prefix and --stats it
                         may use every key
    --read-only          let it change nothing
    --max-connections N  let it have so many connections open
    --max-value-size S   hold it to values of this size, such as 64KiB
    --max-memory S       let its items use so much of the store, such as 512MiB
    --stats              let it see the server's statistics; without a namespace
                         and a prefix, nothing else

Example:
    $ cryptomem token web --output web.token --namespace web >> identities.yaml
    $ cryptomem serve --identities identities.yaml &
    $ cryptomem ping --identity web --token-file web.token
`

func token(_ context.Context, c *console, args []string) error {
	fs := pflag.NewFlagSet("token", pflag.ContinueOnError)
	output := fs.StringP("output", "o", "", "")
	var entry access.Entry
	fs.StringArrayVar(&entry.Namespaces, "namespace", nil, "")
	fs.StringArrayVar(&entry.Prefixes, "prefix", nil, "")
	fs.BoolVar(&entry.ReadOnly, "read-only", false, "")
	fs.IntVar(&entry.MaxConnections, "max-connections", 0, "")
	fs.StringVar(&entry.MaxValueSize, "max-value-size", "", "")
	fs.StringVar(&entry.MaxMemory, "max-memory", "", "")
	fs.BoolVar(&entry.Stats, "stats", false, "")
	operands, err := parse(fs, args)
	switch {
	case err != nil:
		return err
	case len(operands) != 1:
		return usageError("one NAME is wanted")
	case *output == "":
		return usageError("--output is missing")
	}
	secret, hash := access.NewToken()
	entry.Tokens = []string{hash}
	if len(entry.Namespaces) == 0 && len(entry.Prefixes) == 0 && !entry.Stats {
		entry.Prefixes = []string{""}
	}
	text, err := entry.YAML(operands[0])
	if err != nil {
		return err
	}
	if err := safefile.Create(*output, []byte(secret+"\n")); err != nil {
		return fmt.Errorf("write token: %w", err)
	}
	_, err = c.out.Write(text)
	return err
}
