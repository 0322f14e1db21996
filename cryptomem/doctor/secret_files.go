package doctor

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/Zezezknight/cryptomem/cryptomem/server/certs"
	"github.com/Zezezknight/cryptomem/sealing"
	"github.com/Zezezknight/cryptomem/sealing/safefile"
)

// renewBefore is how long before its end a certificate should be replaced.
const renewBefore = 14 * 24 * time.Hour

// What to do about a certificate, by whose it is.
const (
	renewOnServer  = "replace it (a running server reads the new one by itself)"
	renewOnClient  = "replace it"
	renewElsewhere = "tell the server's operator"
)

// Modes that give others more than they need.
const (
	othersAll   = 0o077
	othersWrite = 0o022
)

// keyFile looks at a file of sealing keys, and returns them if they are in order
// and secret; else nil.
func (r *findings) keyFile(file string) *sealing.Keyring {
	const subject = "sealing key"
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		r.found(Problem, subject, file+" does not exist", `copy the file that the other clients use; for the first one, "cryptomem keygen --output FILE" makes it`)
		return nil
	}
	if r.tooOpen(subject, file, othersAll, "anyone who has it can read every value") {
		return nil
	}
	kr, err := sealing.ReadKeyFile(file)
	if exposed := (*safefile.ExposedError)(nil); errors.As(err, &exposed) {
		r.exposed(subject, exposed, "anyone who puts a key there can read what is sealed from then on")
		return nil
	}
	if err != nil {
		r.found(Problem, subject, err.Error(), remedy(err, `name a file that "cryptomem keygen" made`))
		return nil
	}
	only := ""
	if namespace := kr.Namespace(); namespace != "" {
		only = fmt.Sprintf(", of the namespace %q alone", namespace)
	}
	r.fine(subject, "%s is %s, keys in it: %d%s", file, whose(file), len(kr.Keys()), only)
	return kr
}

// servedCertificate looks at a certificate that clients are shown, and returns it if
// it works and will for some time; else nil.
func (r *findings) servedCertificate(subject, file, key string) *x509.Certificate {
	if _, err := certs.Load(certs.Files{Cert: file, Key: key}); err != nil {
		r.found(Problem, subject, err.Error(), remedy(err, `name a certificate and the key that belongs to it; "cryptomem certs" makes both`))
		return nil
	}
	cert, err := readCertificate(file)
	if err != nil {
		r.found(Problem, subject, err.Error(), "")
		return nil
	}
	if r.expired(subject, file, cert, renewOnServer) {
		return nil
	}
	return cert
}

// expired reports a certificate that cannot be used at this time, or not for
// long, with what to do about it.
func (r *findings) expired(subject, file string, cert *x509.Certificate, renew string) bool {
	const orClock = ", or check this machine's clock"
	now := r.clk.Now()
	switch {
	case now.After(cert.NotAfter):
		r.found(Problem, subject, fmt.Sprintf("%s expired on %s", file, inUTC(cert.NotAfter)), renew+orClock)
	case now.Before(cert.NotBefore):
		r.found(Problem, subject, fmt.Sprintf("%s is valid from %s on only", file, inUTC(cert.NotBefore)), renew+orClock)
	case now.Add(renewBefore).After(cert.NotAfter):
		r.found(Warning, subject, fmt.Sprintf("%s expires on %s", file, inUTC(cert.NotAfter)), renew)
	default:
		return false
	}
	return true
}

// inUTC writes a time so that it means the same everywhere, and on its own day.
func inUTC(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 MST") }

// whose says which users may read a secret file that is in order.
func whose(file string) string {
	if info, err := os.Stat(file); err == nil && info.Mode()&othersAll != 0 {
		return "root's, and a group of this process may read it, as in a secret that Kubernetes mounts with fsGroup"
	}
	return "its owner's alone"
}

// exposed reports a secret file that others could have read or put there.
func (r *findings) exposed(subject string, e *safefile.ExposedError, why string) {
	r.found(Problem, subject, e.Name+" "+e.Text+": "+why, e.Advice)
}

// tooOpen reports a file that others may use in a way that they should not. What is
// for its owner alone may be a group's where [safefile.CheckMode] allows it.
func (r *findings) tooOpen(subject, file string, forbidden fs.FileMode, why string) bool {
	info, err := os.Stat(file)
	if err == nil && info.IsDir() {
		err = &fs.PathError{Op: "read", Path: file, Err: errors.New("it is a directory")}
	}
	if err != nil {
		r.found(Problem, subject, err.Error(), remedy(err, "name a file that there is"))
		return true
	}
	mode := info.Mode().Perm()
	if mode&forbidden == 0 || forbidden == othersAll && safefile.CheckMode(file, info) == nil {
		return false
	}
	r.found(Problem, subject, fmt.Sprintf("other users may open %s, its mode is %04o: %s", file, mode, why), fmt.Sprintf("chmod %04o %s", mode&^forbidden, file))
	return true
}

// remedy returns what to do about a file that cannot be read: advice, unless it
// is another user's.
func remedy(err error, advice string) string {
	if errors.Is(err, fs.ErrPermission) {
		return "run this as the user whose file it is, or give the file to this user"
	}
	return advice
}

// readCertificate reads the first certificate of a PEM file.
func readCertificate(file string) (*x509.Certificate, error) {
	text, err := safefile.Read(file, certs.MaxFileSize)
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
