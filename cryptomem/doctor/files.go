package doctor

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/Zezezknight/cryptomem/cryptomem/access"
	"github.com/Zezezknight/cryptomem/cryptomem/certs"
	"github.com/Zezezknight/cryptomem/cryptomem/config"
	"github.com/Zezezknight/cryptomem/cryptomem/snapshot"
	"github.com/Zezezknight/cryptomem/sealing"
)

// renewBefore is how long before its end a certificate should be replaced.
const renewBefore = 14 * 24 * time.Hour

// Modes that give others more than they need.
const (
	othersAll   = 0o077
	othersWrite = 0o022
)

// identitiesFile asks whether those who may come are listed as they should be.
func identitiesFile(_ context.Context, r *report) {
	const subject = "identities"
	file := r.Config.Identities
	if file == "" {
		r.fine(subject, "none: nobody authenticates with a token")
		return
	}
	l, err := access.Load(file)
	if err != nil {
		r.found(Problem, subject, err.Error(), "mend the file: the server does not start with it")
		return
	}
	if r.tooOpen(subject, file, othersWrite, "anyone could let themselves in") {
		return
	}
	r.fine(subject, "%d in %s", len(l.Use()), file)
}

// certificate asks whether TLS will work, and for how much longer.
func certificate(_ context.Context, r *report) {
	const subject = "certificate"
	c := r.Config
	if c.TLSCert == "" {
		r.fine(subject, "none: no TLS")
		return
	}
	// The authorities are a check of their own.
	if _, err := certs.Load(certs.Files{Cert: c.TLSCert, Key: c.TLSKey}); err != nil {
		r.found(Problem, subject, err.Error(), `name a certificate and the key that belongs to it; "cryptomem certs" makes both`)
		return
	}
	cert, err := readCertificate(c.TLSCert)
	if err != nil {
		r.found(Problem, subject, err.Error(), "")
		return
	}
	if r.expired(subject, c.TLSCert, cert) {
		return
	}
	for _, a := range append(c.TLSAddr, c.Addr...) {
		host := hostOf(a)
		if host != "" && cert.VerifyHostname(host) != nil {
			r.found(Warning, subject, fmt.Sprintf("%s is for %s, not for %s, where the server listens", c.TLSCert, names(cert), host),
				"have it issued for every name and address that clients connect to")
			return
		}
	}
	r.fine(subject, "for %s, until %s", names(cert), cert.NotAfter.Format(time.DateOnly))
}

// clientAuthorities asks whether client certificates can be checked.
func clientAuthorities(_ context.Context, r *report) {
	const subject = "client authorities"
	file := r.Config.TLSClientCA
	if file == "" {
		return
	}
	cert, err := readCertificate(file)
	if err != nil {
		r.found(Problem, subject, err.Error(), "set tls_client_ca to the PEM file of the authority that issues client certificates")
		return
	}
	if !r.expired(subject, file, cert) {
		r.fine(subject, "%s, until %s", cert.Subject, cert.NotAfter.Format(time.DateOnly))
	}
}

func (r *report) expired(subject, file string, cert *x509.Certificate) bool {
	now := r.Now()
	switch {
	case now.After(cert.NotAfter):
		r.found(Problem, subject, fmt.Sprintf("%s expired on %s", file, cert.NotAfter.Format(time.DateOnly)), "replace it; a running server reads the new one by itself")
	case now.Before(cert.NotBefore):
		r.found(Problem, subject, fmt.Sprintf("%s is valid from %s on only", file, cert.NotBefore.Format(time.DateOnly)), "check this machine's clock, or replace the certificate")
	case now.Add(renewBefore).After(cert.NotAfter):
		r.found(Warning, subject, fmt.Sprintf("%s expires on %s", file, cert.NotAfter.Format(time.DateOnly)), "replace it; a running server reads the new one by itself")
	default:
		return false
	}
	return true
}

// privateKeyMode asks who can pretend to be the server.
func privateKeyMode(_ context.Context, r *report) {
	if file := r.Config.TLSKey; file != "" && !r.tooOpen("private key", file, othersAll, "whoever has it can pass for this server") {
		r.fine("private key", "%s is its owner's alone", file)
	}
}

// keyFile asks whether the key that seals values is in order and secret.
func keyFile(_ context.Context, r *report) {
	const subject = "sealing key"
	if r.KeyFile == "" {
		return
	}
	if r.tooOpen(subject, r.KeyFile, othersAll, "whoever has it can read every value") {
		return
	}
	kr, err := sealing.ReadKeyFile(r.KeyFile)
	if err != nil {
		r.found(Problem, subject, err.Error(), `name a file that "cryptomem keygen" made`)
		return
	}
	defer kr.Close() //nolint:errcheck // it was only looked at
	r.fine(subject, "%s is its owner's alone, keys in it: %d", r.KeyFile, len(kr.Keys()))
}

// snapshotFile asks whether the store will survive a restart.
func snapshotFile(_ context.Context, r *report) {
	const subject = "snapshot"
	file := r.Config.Snapshot
	if file == "" {
		r.fine(subject, "none: a restart begins empty")
		return
	}
	dir := filepath.Dir(file)
	probe, err := os.CreateTemp(dir, ".doctor-*")
	if err != nil {
		r.found(Problem, subject, fmt.Sprintf("nothing can be written to %s: %v", dir, errors.Unwrap(err)), "create the directory, and give it to the server's user")
		return
	}
	_ = probe.Close() // empty
	_ = os.Remove(probe.Name())
	switch whole, err := isWhole(file); {
	case errors.Is(err, fs.ErrNotExist):
		r.fine(subject, "%s, not saved yet", file)
	case err != nil:
		r.found(Problem, subject, fmt.Sprintf("%s: %v", file, err), "move the file away, or set snapshot to another one: the server does not start with it")
	case !whole:
		r.found(Warning, subject, file+" is damaged; a start would load what is whole of it", "check the disk")
	case !r.tooOpen(subject, file, othersAll, "it tells keys, though not values"):
		r.fine(subject, "%s is whole", file)
	}
}

// snapshotHolder asks whether another server than this one keeps the snapshot.
func snapshotHolder(_ context.Context, r *report) {
	const subject = "snapshot"
	file := r.Config.Snapshot
	if file == "" || r.answered {
		return // whoever answers is taken to be the one that has it
	}
	switch err := snapshot.InUse(file); {
	case errors.Is(err, snapshot.ErrInUse):
		r.found(Problem, subject, fmt.Sprintf("%s is %v, which is not the server at %s", file, err, strings.Join(r.Config.Addr, ", ")),
			"give each server a snapshot of its own, or end the other one: this one does not start meanwhile")
	case err != nil:
		r.found(Unknown, subject, "whether another server keeps it cannot be found out: "+err.Error(), "run the doctor as the server's user")
	}
}

func isWhole(file string) (bool, error) {
	f, err := os.Open(file)
	if err != nil {
		return false, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	reader, err := snapshot.NewReader(f, info.Size())
	if err != nil {
		return false, err
	}
	summary, err := reader.Each(func(snapshot.Item) {})
	return summary.Whole, err
}

// tooOpen reports a file that others may use in a way that they should not.
func (r *report) tooOpen(subject, file string, forbidden fs.FileMode, why string) bool {
	info, err := os.Stat(file)
	if err != nil {
		r.found(Problem, subject, err.Error(), "")
		return true
	}
	mode := info.Mode().Perm()
	if mode&forbidden == 0 {
		return false
	}
	r.found(Problem, subject, fmt.Sprintf("other users may open %s, its mode is %04o: %s", file, mode, why), fmt.Sprintf("chmod %04o %s", mode&^forbidden, file))
	return true
}

// readCertificate reads the first certificate of a PEM file.
func readCertificate(file string) (*x509.Certificate, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s holds no certificate in PEM form", file)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return cert, nil
}

func names(cert *x509.Certificate) string {
	all := append([]string{}, cert.DNSNames...)
	for _, ip := range cert.IPAddresses {
		all = append(all, ip.String())
	}
	if len(all) == 0 {
		return "no name"
	}
	return strings.Join(all, ", ")
}

// hostOf is the host that clients name to reach an address, empty where that
// cannot be told from it.
func hostOf(addr string) string {
	if strings.HasPrefix(addr, "unix:") {
		return ""
	}
	host := strings.Trim(addr[:max(strings.LastIndexByte(addr, ':'), 0)], "[]")
	if config.IsLocal(addr) || host == "0.0.0.0" || host == "::" {
		return ""
	}
	return host
}
