package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/Zezezknight/cryptomem/cryptomem/server/access"
	"github.com/Zezezknight/cryptomem/cryptomem/server/snapshot"
	"github.com/Zezezknight/cryptomem/sealing/safefile"
	"github.com/Zezezknight/cryptomem/transport/address"
)

// identitiesFile checks the identities file.
func identitiesFile(_ context.Context, r *serverReport) {
	const subject = "identities"
	file := r.Config.Identities
	if file == "" {
		r.fine(subject, "none: no client authenticates with a token")
		return
	}
	l, err := access.Load(file)
	if err != nil {
		r.found(Problem, subject, err.Error(), remedy(err, "mend the file: the server does not start with it"))
		return
	}
	if r.tooOpen(subject, file, othersWrite, "anyone could let themselves in") {
		return
	}
	r.fine(subject, "%d in %s", l.Len(), file)
}

// certificate asks whether TLS will work, and for how much longer.
func certificate(_ context.Context, r *serverReport) {
	const subject = "certificate"
	c := r.Config
	if c.TLSCert == "" {
		r.fine(subject, "none: no TLS")
		return
	}
	// The authorities are a check of their own.
	cert := r.servedCertificate(subject, c.TLSCert, c.TLSKey)
	if cert == nil {
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
	r.fine(subject, "for %s, until %s", names(cert), inUTC(cert.NotAfter))
}

// clientAuthorities asks whether client certificates can be checked.
func clientAuthorities(_ context.Context, r *serverReport) {
	const subject = "client authorities"
	file := r.Config.TLSClientCA
	if file == "" {
		return
	}
	cert, err := readCertificate(file)
	if err != nil {
		r.found(Problem, subject, err.Error(), remedy(err, "set tls_client_ca to the PEM file of the authority that issues client certificates"))
		return
	}
	if !r.expired(subject, file, cert, renewOnServer) {
		r.fine(subject, "%s, until %s", cert.Subject, inUTC(cert.NotAfter))
	}
}

// privateKeyMode checks who could read the key, and so pretend to be the server.
func privateKeyMode(_ context.Context, r *serverReport) {
	file := r.Config.TLSKey
	if _, err := os.Stat(file); err != nil {
		return // there is none, or the certificate's check has said so
	}
	if !r.tooOpen("private key", file, othersAll, "anyone who has it can pass for this server") {
		r.fine("private key", "%s is %s", file, whose(file))
	}
}

// sealingKey asks whether the key that seals values is in order, where there is
// one: a server needs none.
func sealingKey(_ context.Context, r *serverReport) {
	if r.KeyFile == "" {
		return
	}
	if keys := r.keyFile(r.KeyFile); keys != nil {
		// they were only looked at
		_ = keys.Close()
	}
}

// snapshotFile asks whether the store will survive a restart.
func snapshotFile(_ context.Context, r *serverReport) {
	const subject = "snapshot"
	file := r.Config.Snapshot
	if file == "" {
		r.fine(subject, "none: a restart begins empty")
		return
	}
	if err := snapshot.Probe(file); err != nil {
		advice := "create the directory, and give it to the server's user"
		if errors.Is(err, snapshot.ErrNotReplaceable) || errors.Is(err, fs.ErrInvalid) {
			advice = "set snapshot to a file in a directory that is the server's: it does not start with this one, and could save nothing"
		}
		r.found(Problem, subject, err.Error(), advice)
		return
	}
	switch whole, err := isWhole(file); {
	case errors.Is(err, fs.ErrNotExist):
		r.fine(subject, "%s, not saved yet", file)
	case errors.Is(err, snapshot.ErrEmpty):
		r.found(Warning, subject, file+" is empty; a start begins without it", "find out what emptied it: a save never does")
	case err != nil:
		r.found(Problem, subject, fmt.Sprintf("%s: %v", file, err), "move the file away, or set snapshot to another one: the server does not start with it")
	case !whole:
		r.found(Warning, subject, file+" is damaged; a start would load what is whole of it", "check the disk; the file is kept as "+file+".damaged when a server starts with it")
	case !r.tooOpen(subject, file, othersAll, "it tells keys, though not values"):
		r.fine(subject, "%s is whole", file)
	}
}

// snapshotHolder asks whether another server than this one keeps the snapshot.
func snapshotHolder(_ context.Context, r *serverReport) {
	const subject = "snapshot"
	file := r.Config.Snapshot
	if file == "" || r.answered {
		return // the server that answers is taken to be the one that has it
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
	f, info, err := safefile.Open(file)
	if err != nil {
		return false, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	reader, err := snapshot.NewReader(f, info.Size())
	if err != nil {
		return false, err
	}
	summary, err := reader.Each(func(snapshot.Entry) {})
	return summary.Whole, err
}

// hostOf is the host that clients name to reach an address, empty where that
// cannot be told from it.
func hostOf(addr string) string {
	a, err := address.Parse(addr)
	if err != nil || a.IsLocal() || a.Host == "0.0.0.0" || a.Host == "::" {
		return ""
	}
	return a.Host
}
