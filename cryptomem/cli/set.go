package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/Zezezknight/cryptomem/cryptomem"
)

const setUsage = `Usage:
    cryptomem set KEY (VALUE | - | --file FILE) [flags]

Seals a value and stores it under KEY. "-" reads the value from standard input.
With --nx, exits 1 if KEY has a value already; with --xx, if it has none.

    --file FILE          read the value from FILE
    --ttl DURATION       how long the value lives, such as 90s or 7d; 0, the
                         default, keeps it as long as the server does
    --keep-ttl           keep the expiry of the value that it replaces
    --nx                 store only if KEY has no value
    --xx                 store only if KEY has a value
` + clientFlagsUsage + keyFlagsUsage + `
Example:
    $ export CRYPTOMEM_KEY_FILE=key.json
    $ printf hello | cryptomem set greeting --ttl 1m -
`

// maxInput bounds what is read as a value, in bytes: no server takes more.
const maxInput = 1 << 30

func set(ctx context.Context, c *console, args []string) error {
	fs := pflag.NewFlagSet("set", pflag.ContinueOnError)
	flags := newClientFlags(fs).withKey(fs)
	file := fs.String("file", "", "")
	var ttl durationFlag
	fs.Var(&ttl, "ttl", "")
	keepTTL := fs.Bool("keep-ttl", false, "")
	onlyNew := fs.Bool("nx", false, "")
	onlyOld := fs.Bool("xx", false, "")
	operands, err := parse(fs, args)
	if err != nil {
		return err
	}
	if *onlyNew && (*onlyOld || *keepTTL) {
		return usageError("--nx cannot be combined with --xx or --keep-ttl")
	}
	key, value, err := setOperands(ctx, c, operands, *file)
	if err != nil {
		return err
	}
	return flags.withClient(ctx, c, func(ctx context.Context, client *cryptomem.Client) error {
		opts := []cryptomem.StoreOption{cryptomem.TTL(ttl.duration())}
		if *keepTTL {
			opts = append(opts, cryptomem.KeepTTL())
		}
		store := client.Set
		switch {
		case *onlyNew:
			store = client.Add
		case *onlyOld:
			store = client.Replace
		}
		if err := store(ctx, key, value, opts...); err != nil {
			return fmt.Errorf("%s: %w", shown(key), err)
		}
		return nil
	})
}

func setOperands(ctx context.Context, c *console, operands []string, file string) (key string, value []byte, err error) {
	switch {
	case len(operands) == 0:
		return "", nil, usageError("KEY is missing")
	case operands[0] == "":
		return "", nil, usageError("KEY is empty")
	case len(operands) == 1 && file == "":
		return "", nil, usageError("a value is missing: give VALUE, - or --file FILE")
	case len(operands) == 1:
		value, err = await(ctx, func() ([]byte, error) { return readFile(file) })
	case len(operands) > 2 || file != "":
		return "", nil, usageError("more than one value is given")
	case operands[1] == "-":
		value, err = await(ctx, func() ([]byte, error) { return readValue(c.in) })
	default:
		value = []byte(operands[1])
	}
	return operands[0], value, err
}

// await returns what read does, or the cause of ctx's end if that comes first: a
// terminal or a pipe may have nothing to say for long, and no read of it can be
// called back.
func await(ctx context.Context, read func() ([]byte, error)) ([]byte, error) {
	done := make(chan struct{})
	var value []byte
	var err error
	go func() {
		defer close(done)
		value, err = read()
	}()
	select {
	case <-done:
		return value, err
	case <-ctx.Done():
		return nil, fmt.Errorf("read value: %w", context.Cause(ctx))
	}
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read value: %w", err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	return readValue(f)
}

func readValue(r io.Reader) ([]byte, error) {
	value, err := io.ReadAll(io.LimitReader(r, maxInput+1))
	if err != nil {
		return nil, fmt.Errorf("read value: %w", err)
	}
	if len(value) > maxInput {
		return nil, fmt.Errorf("value is longer than %d bytes", maxInput)
	}
	return value, nil
}

// oneKey is the operand of commands that work on one key.
func oneKey(operands []string) (string, error) {
	switch {
	case len(operands) == 0:
		return "", usageError("KEY is missing")
	case operands[0] == "":
		return "", usageError("KEY is empty")
	case len(operands) == 1:
		return operands[0], nil
	}
	return "", usageError("more than one key is given: " + strings.Join(operands, ", "))
}
