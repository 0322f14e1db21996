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

Makes a token for the identity NAME and writes it to FILE, which only you can
read. It never overwrites a file. On standard output it prints the entry for the
server's identities file, which contains only a hash of the token.

    -o, --output FILE    where to write the token
    --namespace NAME     allow the keys of this namespace; may be repeated
    --prefix PREFIX      allow keys that begin with PREFIX, "" for every key;
                         may be repeated. Without --namespace, --prefix and
                         --stats, every key is allowed
    --read-only          forbid all changes
    --max-connections N  limit on open connections
    --max-value-size S   limit on the size of a value, such as 64KiB
    --max-memory S       limit on the memory of its items, such as 512MiB
    --stats              allow the server's statistics; without --namespace and
                         --prefix, nothing else

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
	case len(operands) == 0:
		return usageError("NAME is missing")
	case len(operands) > 1:
		return usageError("more than one NAME is given")
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
