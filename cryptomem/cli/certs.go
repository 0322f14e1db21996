package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/Zezezknight/cryptomem/cryptomem/server/certs"
	"github.com/Zezezknight/cryptomem/sealing/safefile"
)

const certsUsage = `Usage:
    cryptomem certs --dir DIR [--name FILE] NAME...
    cryptomem certs --dir DIR --renew FILE...

Signs a certificate for the NAMEs (DNS names, IP addresses, URIs), for a server
or a client. DIR/ca.pem and DIR/ca.key are the certificate authority; the first
run makes them. If you have a real authority, use that instead.

With --renew, it signs FILE.pem again, for the same names and the same key. A
running server reads the new certificate by itself.

    --dir DIR            where the files are
    --name FILE          write FILE.pem and FILE.key (default: the first NAME)
    --renew              renew existing certificates
    --days N             days for which the certificate is valid (default 90)

Example:
    $ cryptomem certs --dir tls --name server localhost 127.0.0.1
    $ cryptomem serve --tls-cert tls/server.pem --tls-key tls/server.key &
    $ cryptomem ping --ca tls/ca.pem
    $ cryptomem certs --dir tls --renew server
`

// authorityDays is how long an authority lasts: ten years.
const authorityDays = 3650

func issueCerts(_ context.Context, _ *console, args []string) error {
	fs := pflag.NewFlagSet("certs", pflag.ContinueOnError)
	dir := fs.String("dir", "", "")
	name := fs.String("name", "", "")
	days := fs.Int("days", 90, "")
	renew := fs.Bool("renew", false, "")
	names, err := parse(fs, args)
	switch {
	case err != nil:
		return err
	case *dir == "":
		return usageError("--dir is missing")
	case len(names) == 0 && *renew:
		return usageError("FILE is missing")
	case len(names) == 0:
		return usageError("NAME is missing")
	case *renew && *name != "":
		return usageError("--name is for a new certificate; write the FILEs to renew after --renew")
	case *days < 1 || *days > authorityDays:
		return usageError(fmt.Sprintf("--days is %d; allowed: 1 to %d", *days, authorityDays))
	case *renew:
		return renewCerts(*dir, names, validFor(*days))
	case *name == "":
		*name = names[0]
	}
	if *name != filepath.Base(*name) {
		return usageError(fmt.Sprintf("%q cannot be a file name; choose one with --name", *name))
	}
	if err := os.MkdirAll(*dir, 0o700); err != nil {
		return err
	}
	authority, err := authorityIn(*dir)
	if err != nil {
		return err
	}
	cert, key, err := authority.Issue(names, validFor(*days))
	if err != nil {
		return usageError(err.Error())
	}
	return createPair(filepath.Join(*dir, *name), cert, key)
}

// renewCerts replaces each certificate by one that is valid for longer.
func renewCerts(dir string, names []string, valid certs.Span) error {
	if _, err := os.Stat(filepath.Join(dir, "ca.pem")); err != nil {
		// a new authority could not renew what another one has signed
		return err
	}
	authority, err := authorityIn(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		file := filepath.Join(dir, strings.TrimSuffix(name, ".pem")+".pem")
		old, err := safefile.Read(file, certs.MaxFileSize)
		if err != nil {
			return err
		}
		renewed, err := authority.Renew(old, valid)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		if err := replaceCert(file, renewed); err != nil {
			return err
		}
	}
	return nil
}

// replaceCert keeps owner, group and mode: a certificate is no secret, and users who
// could read the old one may have to read the new one.
func replaceCert(file string, text []byte) error {
	before, err := os.Stat(file)
	if err != nil {
		return err
	}
	err = safefile.Replace(file, safefile.Alike, func(f *os.File) error {
		_, err := f.Write(text)
		return err
	})
	if err != nil {
		return err
	}
	return os.Chmod(file, before.Mode().Perm())
}

// authorityIn loads the directory's authority, or makes it.
func authorityIn(dir string) (*certs.Authority, error) {
	base := filepath.Join(dir, "ca")
	cert, err := safefile.Read(base+".pem", certs.MaxFileSize)
	if errors.Is(err, fs.ErrNotExist) {
		authority, err := certs.NewAuthority(validFor(authorityDays))
		if err != nil {
			return nil, err
		}
		cert, key, err := authority.PEM()
		if err != nil {
			return nil, err
		}
		return authority, createPair(base, cert, key)
	}
	if err != nil {
		return nil, err
	}
	key, err := safefile.Read(base+".key", certs.MaxFileSize)
	if err != nil {
		return nil, err
	}
	authority, err := certs.LoadAuthority(cert, key)
	if err != nil {
		return nil, fmt.Errorf("%s.pem: %w", base, err)
	}
	return authority, nil
}

// validFor begins an hour ago, for machines whose clocks are behind.
func validFor(days int) certs.Span {
	now := time.Now()
	return certs.Span{From: now.Add(-time.Hour), Until: now.AddDate(0, 0, days)}
}

func createPair(base string, cert, key []byte) error {
	if err := safefile.Create(base+".key", key); err != nil {
		return err
	}
	return safefile.Create(base+".pem", cert)
}
