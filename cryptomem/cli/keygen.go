package cli

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/pflag"

	"github.com/Zezezknight/cryptomem/sealing"
)

const keygenUsage = `Usage:
    cryptomem keygen --output FILE
    cryptomem keygen list
    cryptomem keygen add
    cryptomem keygen promote ID
    cryptomem keygen retire ID

Draws the key that values are sealed with, and writes it to FILE, which only you
can read. An existing file is never overwritten: what was sealed with its key
could not be opened any more. The other forms work on a key file that there is.
None ever prints a key.

    list       the keys: id, state, and when they were made
    add        draw another key, which opens values, and print its id
    promote    seal with this key from now on
    retire     destroy this key: what it sealed can never be opened again

    -o, --output FILE    where to write a new key file
    --key-file FILE      the key file to work on (default $CRYPTOMEM_KEY_FILE)

To rotate keys, add one and hand the file to every client; then promote it, and
hand the file round again; and when everything that the old key sealed has
expired, retire that.

Example:
    $ cryptomem keygen --output key.json
    $ export CRYPTOMEM_KEY_FILE=key.json
    $ cryptomem keygen add
    5d41402a
    $ cryptomem keygen promote 5d41402a
    $ cryptomem keygen list
    c405e701  enabled  2030-01-01T12:00:00Z
    5d41402a  primary  2030-02-01T12:00:00Z
    $ cryptomem keygen retire c405e701
`

func keygen(_ context.Context, c *console, args []string) error {
	fs := pflag.NewFlagSet("keygen", pflag.ContinueOnError)
	output := fs.StringP("output", "o", "", "")
	keyFile := fs.String("key-file", "", "")
	operands, err := parse(fs, args)
	if err != nil {
		return err
	}
	if len(operands) == 0 {
		return createKeyFile(*output)
	}
	if *keyFile == "" {
		*keyFile, _ = c.env("CRYPTOMEM_KEY_FILE")
	}
	switch {
	case *output != "":
		return usageError("--output is for a new key file")
	case *keyFile == "":
		return usageError("no key file: name it with --key-file or CRYPTOMEM_KEY_FILE")
	}
	switch verb, rest := operands[0], operands[1:]; verb {
	case "list", "add":
		if len(rest) > 0 {
			return usageError(fmt.Sprintf("unexpected %q", rest[0]))
		}
		if verb == "list" {
			return listKeys(c, *keyFile)
		}
		return addKey(c, *keyFile)
	case "promote":
		return changeKey(*keyFile, rest, (*sealing.Keyring).Promote)
	case "retire":
		return changeKey(*keyFile, rest, (*sealing.Keyring).Retire)
	default:
		return usageError(fmt.Sprintf("%q is none of list, add, promote and retire", verb))
	}
}

func createKeyFile(name string) error {
	if name == "" {
		return usageError("--output is missing")
	}
	kr, err := sealing.NewKeyring(now())
	if err != nil {
		return err
	}
	return kr.CreateFile(name)
}

func listKeys(c *console, name string) error {
	kr, err := sealing.ReadKeyFile(name)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	for _, k := range kr.Keys() {
		state := "enabled"
		switch {
		case k.Primary:
			state = "primary"
		case k.Retired:
			state = "retired"
		}
		created := "-"
		if !k.Created.IsZero() {
			created = k.Created.Format(time.RFC3339)
		}
		fmt.Fprintf(w, "%08x\t%s\t%s\n", k.ID, state, created)
	}
	return w.Flush()
}

func addKey(c *console, name string) error {
	var id uint32
	err := sealing.ChangeKeyFile(name, func(kr *sealing.Keyring) (err error) {
		id, err = kr.Generate(now())
		return err
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.out, "%08x\n", id)
	return err
}

// changeKey does one thing to one key of a file.
func changeKey(name string, operands []string, change func(*sealing.Keyring, uint32) error) error {
	if len(operands) != 1 {
		return usageError("exactly one key ID is needed")
	}
	id, err := sealing.ParseKeyID(operands[0])
	if err != nil {
		return usageError(err.Error())
	}
	return sealing.ChangeKeyFile(name, func(kr *sealing.Keyring) error { return change(kr, id) })
}

func now() time.Time { return time.Now().Truncate(time.Second) }
