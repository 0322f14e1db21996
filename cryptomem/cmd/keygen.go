package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/Zezezknight/cryptomem/sealing"
)

const keygenUsage = `Usage:
    cryptomem keygen --output FILE

Draws a key and writes it to FILE, which only you can read. An existing file is
never overwritten: what was sealed with its key could not be opened any more.

    -o, --output FILE    where to write the key

Example:
    $ cryptomem keygen --output key.json
    $ export CRYPTOMEM_KEY_FILE=key.json
`

func keygen(_ context.Context, _ *console, args []string) error {
	fs := pflag.NewFlagSet("keygen", pflag.ContinueOnError)
	output := fs.StringP("output", "o", "", "")
	operands, err := parse(fs, args)
	switch {
	case err != nil:
		return err
	case len(operands) > 0:
		return usageError(fmt.Sprintf("unexpected %q", operands[0]))
	case *output == "":
		return usageError("--output is missing")
	}
	secret := make([]byte, sealing.KeySize)
	_, _ = rand.Read(secret) // it never fails
	f, err := os.OpenFile(*output, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("write key: %w", err)
	}
	_, err = fmt.Fprintln(f, base64.StdEncoding.EncodeToString(secret))
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}

func readKeyFile(name string) (*sealing.Keyring, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read key: %w", err)
	}
	secret, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(string(text), "\n"))
	if err != nil {
		return nil, fmt.Errorf("%s is not a key file", name)
	}
	return sealing.KeyringFromSecret(secret)
}
