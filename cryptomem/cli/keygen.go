package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"text/tabwriter"
	"time"

	"github.com/spf13/pflag"

	"github.com/Zezezknight/cryptomem/cryptomem/quantity"
	"github.com/Zezezknight/cryptomem/sealing"
)

const keygenUsage = `Usage:
    cryptomem keygen --output FILE
    cryptomem keygen list
    cryptomem keygen add
    cryptomem keygen promote ID
    cryptomem keygen retire ID
    cryptomem keygen cut TIME
    cryptomem keygen derive --namespace NAME --output FILE

Makes the key that values are sealed with and writes it to FILE, which only you
can read. It never overwrites a file, because values sealed with the old key
could not be opened any more. The other forms work on an existing key file. No
form ever prints a key.

    list       show the keys: ID, state, and when they were made
    add        add a key that opens values but does not seal yet; print its ID
    promote    seal with this key from now on
    retire     destroy this key: values sealed with it can never be opened again
    cut        refuse values that were sealed before TIME: "now", or a time like
               2030-01-01T12:00:00Z; "none" removes the cut
    derive     write the keys of one namespace to FILE: they seal and open
               values of this namespace, and of no other

    -o, --output FILE    where to write a new key file
    --namespace NAME     the namespace to derive keys for
    --key-file FILE      the key file to work on (default $CRYPTOMEM_KEY_FILE)

To rotate keys: add a key and copy the file to every client; promote the key and
copy the file again; retire the old key when all values sealed with it have
expired. After each step, derive the files of namespaces again: derive replaces
a FILE of the same namespace.

A cut takes effect in every process that reads the file. Choose a time a little
ahead, and copy the file to every client before it comes.

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
	flags := pflag.NewFlagSet("keygen", pflag.ContinueOnError)
	output := flags.StringP("output", "o", "", "")
	keyFile := flags.String("key-file", "", "")
	namespace := flags.String("namespace", "", "")
	operands, err := parse(flags, args)
	if err != nil {
		return err
	}
	derive := len(operands) > 0 && operands[0] == "derive"
	if flags.Changed("namespace") && !derive {
		return usageError("--namespace is for derive")
	}
	if len(operands) == 0 {
		return createKeyFile(*output)
	}
	if *keyFile == "" {
		*keyFile, _ = c.env("CRYPTOMEM_KEY_FILE")
	}
	switch {
	case *output != "" && !derive:
		return usageError("--output is for a new key file")
	case *keyFile == "":
		return usageError("no key file: name it with --key-file or CRYPTOMEM_KEY_FILE")
	}
	switch verb, rest := operands[0], operands[1:]; verb {
	case "list", "add", "derive":
		switch {
		case len(rest) > 0:
			return usageError(fmt.Sprintf("unexpected %q", rest[0]))
		case verb == "list":
			return listKeys(c, *keyFile)
		case verb == "add":
			return addKey(c, *keyFile)
		}
		return deriveKeyFile(*keyFile, *namespace, *output)
	case "cut":
		return cut(*keyFile, rest)
	case "promote":
		return changeKey(*keyFile, rest, (*sealing.Keyring).Promote)
	case "retire":
		return changeKey(*keyFile, rest, (*sealing.Keyring).Retire)
	default:
		return usageError(fmt.Sprintf("%q is not one of list, add, promote, retire, cut, derive", verb))
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
	kr, err := sealing.ReadKeyFileOfAny(name)
	if err != nil {
		return configError{err}
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
	if err := w.Flush(); err != nil {
		return err
	}
	if namespace := kr.Namespace(); namespace != "" {
		fmt.Fprintf(c.err, "these are the keys of the namespace %q alone\n", namespace)
	}
	if cut := kr.NotBefore(); !cut.IsZero() {
		fmt.Fprintf(c.err, "what was sealed before %s is not opened\n", cut.UTC().Format(time.RFC3339))
	}
	return nil
}

func addKey(c *console, name string) error {
	var id uint32
	err := changeKeyFile(name, func(kr *sealing.Keyring) (err error) {
		id, err = kr.Generate(now())
		return err
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.out, "%08x\n", id)
	return err
}

// changeKeyFile changes the keys in a file, which has to be one already.
func changeKeyFile(name string, change func(*sealing.Keyring) error) error {
	kr, err := sealing.ReadKeyFileOfAny(name)
	if err != nil {
		return configError{err}
	}
	// always nil
	_ = kr.Close()
	return sealing.ChangeKeyFile(name, change)
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
	return changeKeyFile(name, func(kr *sealing.Keyring) error { return change(kr, id) })
}

// cut lets a file's keys open nothing from before a time.
func cut(name string, operands []string) error {
	if len(operands) != 1 {
		return usageError("exactly one TIME is needed")
	}
	var before time.Time
	switch operands[0] {
	case "none":
	case "now":
		// in which this one lies
		before = now().Add(time.Second)
	default:
		var err error
		if before, err = quantity.ParseTime(operands[0]); err != nil {
			return usageError("TIME is neither now nor none: " + err.Error())
		}
	}
	return changeKeyFile(name, func(kr *sealing.Keyring) error {
		kr.SetNotBefore(before)
		return nil
	})
}

// deriveKeyFile writes the keys of a namespace to a file, in place of such that
// were derived before.
func deriveKeyFile(roots, namespace, output string) error {
	switch {
	case namespace == "":
		return usageError("--namespace is missing")
	case output == "":
		return usageError("--output is missing")
	}
	kr, err := sealing.ReadKeyFile(roots)
	if err != nil {
		return configError{err}
	}
	derived, err := kr.Derive(namespace)
	// always nil
	_ = kr.Close()
	if err != nil {
		return err
	}
	if err = derived.CreateFile(output); errors.Is(err, fs.ErrExist) {
		err = replaceDerived(derived, output)
	}
	return errors.Join(err, derived.Close())
}

// replaceDerived overwrites nothing but keys of the same namespace, which can be
// derived again.
func replaceDerived(derived *sealing.Keyring, output string) error {
	old, err := sealing.ReadKeyFile(output)
	if err != nil {
		return fmt.Errorf("not overwritten: %w", err)
	}
	namespace := old.Namespace()
	// always nil
	_ = old.Close()
	if namespace != derived.Namespace() {
		return fmt.Errorf("%s exists, is not of the namespace %q, and is not overwritten", output, derived.Namespace())
	}
	return derived.WriteFile(output)
}

func now() time.Time { return time.Now().Truncate(time.Second) }
