package doctor

import (
	"context"
	"crypto/tls"
	"fmt"
	"time"

	"github.com/benbjohnson/clock"

	"github.com/Zezezknight/cryptomem/cryptomem/quantity"
	"github.com/Zezezknight/cryptomem/cryptomem/server/access"
	"github.com/Zezezknight/cryptomem/cryptomem/server/certs"
	"github.com/Zezezknight/cryptomem/sealing"
	"github.com/Zezezknight/cryptomem/transport/address"
)

// A Client is a client's set-up to be examined. Addr and Clock must be set;
// everything else may be empty.
type Client struct {
	Addr  string
	Clock clock.Clock
	// Timeout for all that is asked of the server; 0 is 5 s.
	Timeout time.Duration

	// Speak TLS, even if none of the next is set.
	TLS            bool
	CA, ServerName string
	Cert, CertKey  string
	Identity       string
	// TokenFile names a file with the token; Token is the token itself.
	TokenFile, Token string

	// KeyFile names a file with the sealing keys; Secret is a key itself.
	KeyFile, Secret string
	Namespace       string
	// A time as quantity.ParseTime reads it.
	NotBefore string

	// Write lets the examination store, read and delete a value, under a random
	// key that begins with Prefix and expires after WriteTTL.
	Write  bool
	Prefix string
}

// SpeaksTLS reports whether the client is to speak TLS.
func (c Client) SpeaksTLS() bool { return c.TLS || c.CA != "" || c.Cert != "" || c.CertKey != "" }

// TLSConfig reads what the client needs for TLS; nil if it does not speak it.
func (c Client) TLSConfig() (*tls.Config, error) {
	if !c.SpeaksTLS() {
		return nil, nil
	}
	return certs.ClientConfig(certs.ClientFiles{CA: c.CA, ServerName: c.ServerName, Cert: c.Cert, Key: c.CertKey})
}

// Cut is the time of NotBefore, zero if there is none.
func (c Client) Cut() (time.Time, error) {
	if c.NotBefore == "" {
		return time.Time{}, nil
	}
	cut, err := quantity.ParseTime(c.NotBefore)
	if err != nil {
		return cut, fmt.Errorf("CRYPTOMEM_NOT_BEFORE (--not-before): %w", err)
	}
	return cut, nil
}

// A clientReport is what is found out about a client's set-up.
type clientReport struct {
	Client
	findings
	// token of the identity.
	token []byte
	// keys is nil if there are none.
	keys *sealing.Keyring
	// Whether what is needed to ask the server is missing.
	unable bool
	// Whether the server answers.
	welcome bool
}

// clientChecks in the order in which their findings are read.
var clientChecks = []func(context.Context, *clientReport){
	privacy,
	authorities,
	clientCertificate,
	credentials,
	clientKey,
	namespace,
	clientCut,
	contact,
	rights,
}

// ExamineClient runs every check of a client. ctx bounds those that ask the
// network.
func ExamineClient(ctx context.Context, c Client) []Finding {
	if c.Timeout == 0 {
		c.Timeout = askTimeout
	}
	v := &clientReport{Client: c, findings: findings{clk: c.Clock}}
	checks := clientChecks
	if v.onValkey() {
		checks = valkeyChecks
	}
	for _, check := range checks {
		check(ctx, v)
	}
	if v.keys != nil {
		// always nil
		_ = v.keys.Close()
	}
	return v.list
}

// Diagnose looks for the reason why a client gets no answer from its server, and returns
// it if it finds one. It does not send the client's credentials.
func Diagnose(ctx context.Context, c Client) (f Finding, ok bool) {
	c.Identity = ""
	v := &clientReport{Client: c, findings: findings{clk: c.Clock}}
	if v.onValkey() {
		v.anotherThanValkey(ctx)
	} else {
		contact(ctx, v)
	}
	for _, f := range v.list {
		if f.Severity == Problem && f.Subject == "server" {
			return f, true
		}
	}
	return Finding{}, false
}

// privacy asks who on the way can look on.
func privacy(_ context.Context, v *clientReport) {
	const subject = "on the way"
	switch {
	case v.SpeaksTLS():
		v.fine(subject, "TLS")
	case address.IsLocal(v.Addr):
		v.fine(subject, "%s is on this machine", v.Addr)
	default:
		text := v.Addr + " is asked without TLS: names and sizes can be read on the way, though values cannot"
		if v.Identity != "" {
			text += "; and the token, with which anybody can pass for " + v.Identity
		}
		v.found(Warning, subject, text, "set CRYPTOMEM_CA (--ca) to the certificate of the server's authority, or use --tls; the server needs tls_cert and tls_key")
	}
}

// authorities asks whether the server's certificate can be checked.
func authorities(_ context.Context, v *clientReport) {
	const subject = "authorities"
	if v.CA == "" {
		return
	}
	cert, err := readCertificate(v.CA)
	if err != nil {
		v.found(Problem, subject, err.Error(), remedy(err, `set CRYPTOMEM_CA (--ca) to the PEM file of the authority that signed the server's certificate; "cryptomem certs" calls it ca.pem`))
		v.unable = true
		return
	}
	if !v.expired(subject, v.CA, cert, renewOnClient) {
		v.fine(subject, "%s, until %s", v.CA, inUTC(cert.NotAfter))
	}
}

// clientCertificate asks whether the client can authenticate by certificate, and
// whether other users of the machine could read its key.
func clientCertificate(_ context.Context, v *clientReport) {
	const subject = "client certificate"
	if v.Cert == "" && v.CertKey == "" {
		return
	}
	if _, err := certs.ClientConfig(certs.ClientFiles{Cert: v.Cert, Key: v.CertKey}); err != nil {
		v.found(Problem, subject, err.Error(), remedy(err, "set both CRYPTOMEM_CLIENT_CERT (--cert) and CRYPTOMEM_CLIENT_KEY (--cert-key), to a certificate and the key that belongs to it"))
		v.unable = true
		return
	}
	if v.tooOpen(subject, v.CertKey, othersAll, "anyone who has it can pass for this client") {
		return
	}
	cert, err := readCertificate(v.Cert)
	if err == nil && !v.expired(subject, v.Cert, cert, renewOnClient) {
		v.fine(subject, "for %s, until %s", names(cert), inUTC(cert.NotAfter))
	}
}

// credentials asks whether there is a token for the identity, and who else has
// it.
func credentials(_ context.Context, v *clientReport) {
	const subject = "token"
	const advice = "set CRYPTOMEM_TOKEN_FILE (--token-file) to the file that \"cryptomem token\" wrote"
	if v.Identity == "" {
		if v.TokenFile != "" || v.Token != "" {
			v.found(Warning, subject, "there is a token, and no identity to go with it: it is not used", "set CRYPTOMEM_IDENTITY (--identity) to the name that the token was made for")
		}
		return
	}
	if v.TokenFile != "" && v.Token != "" {
		v.found(Problem, subject, "CRYPTOMEM_TOKEN_FILE and CRYPTOMEM_TOKEN are both set", "unset one of them")
		v.unable = true
		return
	}
	if v.TokenFile == "" {
		if v.token = []byte(v.Token); v.Token == "" {
			v.found(Problem, subject, "there is none for the identity "+v.Identity, advice)
			v.unable = true
			return
		}
		v.fine(subject, "in CRYPTOMEM_TOKEN")
		return
	}
	token, err := access.ReadToken(v.TokenFile)
	if err != nil {
		v.found(Problem, subject, err.Error(), remedy(err, advice))
		v.unable = true
		return
	}
	v.token = token
	if !v.tooOpen(subject, v.TokenFile, othersAll, "anyone who has it can pass for "+v.Identity) {
		v.fine(subject, "%s is %s", v.TokenFile, whose(v.TokenFile))
	}
}

// clientKey asks whether values can be sealed.
func clientKey(_ context.Context, v *clientReport) {
	const subject = "sealing key"
	var err error
	switch {
	case v.KeyFile != "" && v.Secret != "":
		v.found(Problem, subject, "CRYPTOMEM_KEY_FILE and CRYPTOMEM_KEY are both set", "unset the one that the other clients do not use")
	case v.KeyFile != "":
		v.keys = v.keyFile(v.KeyFile)
	case v.Secret == "":
		v.found(Problem, subject, "there is none: nothing can be sealed or opened", `set CRYPTOMEM_KEY_FILE (--key-file) to the file that the other clients use; for the first one, "cryptomem keygen --output FILE" makes it`)
	default:
		if v.keys, err = sealing.KeyringFromSecret([]byte(v.Secret)); err != nil {
			v.found(Problem, subject, "CRYPTOMEM_KEY: "+err.Error(), `set it to 32 random bytes, or better CRYPTOMEM_KEY_FILE to a file that "cryptomem keygen" made`)
			return
		}
		if few := EncodedSecret(v.Secret); few != "" {
			v.found(Warning, subject, "CRYPTOMEM_KEY: "+few, `set CRYPTOMEM_KEY_FILE to a file that "cryptomem keygen" made; what this one has sealed it cannot open`)
			return
		}
		v.fine(subject, "in CRYPTOMEM_KEY")
	}
}

// namespace asks whether the namespace can be one, and the keys are good for it.
func namespace(_ context.Context, v *clientReport) {
	if n := len(v.Namespace); n > sealing.MaxNamespace {
		v.found(Problem, "namespace", fmt.Sprintf("its name is %d bytes, limit %d", n, sealing.MaxNamespace), "choose a shorter --namespace")
		v.unable = true
	}
	if v.keys == nil {
		return
	}
	own := v.keys.Namespace()
	switch v.Namespace {
	case own:
	case "":
		v.Namespace = own
	default:
		if own != "" {
			v.found(Problem, "namespace", fmt.Sprintf("the key file is of the namespace %q alone, and cannot be used for %q", own, v.Namespace),
				"leave out --namespace, or name the key file of this namespace: \"cryptomem keygen derive\" makes it")
			v.unable = true
		}
	}
}
