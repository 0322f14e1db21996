package doctor

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/valkey-io/valkey-go"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/valkeystore"
	"github.com/Zezezknight/cryptomem/sealing"
	"github.com/Zezezknight/cryptomem/transport/address"
	"github.com/Zezezknight/cryptomem/transport/timeout"
)

// valkeyChecks are clientChecks for a client of a Valkey or Redis.
var valkeyChecks = []func(context.Context, *clientReport){
	valkeyAddress,
	authorities,
	clientCertificate,
	clientKey,
	namespace,
	clientCut,
	valkeyServer,
	valkeyRoundTrip,
}

// onValkey reports whether the address is that of a Valkey or Redis.
func (c Client) onValkey() bool { return strings.Contains(c.Addr, "://") }

// valkeyAddress asks whether the address can be one, and who on the way can look on.
func valkeyAddress(_ context.Context, v *clientReport) {
	a, err := valkeystore.ParseAddress(v.Addr)
	if err != nil {
		v.found(Problem, "address", err.Error(), "correct CRYPTOMEM_SERVER (--addr)")
		v.unable = true
		return
	}
	if v.Identity != "" {
		v.found(Problem, "user", "an identity is for cryptomem's own server, and not used here", "write user and password into the address: valkey://user:password@host")
		v.unable = true
	}
	const subject = "on the way"
	local := !slices.ContainsFunc(a.Hosts, func(host string) bool { return !address.IsLocal(host) })
	switch {
	case a.TLS || v.SpeaksTLS():
		v.fine(subject, "TLS")
	case local:
		v.fine(subject, "%v is on this machine", a)
	default:
		v.found(Warning, subject, a.String()+" is asked without TLS: names, sizes and the password can be read on the way, though values cannot", "write valkeys:// for valkey://; the server needs tls-port")
	}
}

// valkeyOptions are those of a store at the address.
func (v *clientReport) valkeyOptions() (valkeystore.Address, []valkeystore.Option, error) {
	a, err := valkeystore.ParseAddress(v.Addr)
	if err != nil {
		return a, nil, err
	}
	opts := []valkeystore.Option{valkeystore.WithTimeout(v.Timeout)}
	cfg, err := v.TLSConfig()
	if cfg != nil {
		opts = append(opts, valkeystore.WithTLS(cfg))
	}
	return a, opts, err
}

// openValkey is open for a Valkey or Redis.
func (v *clientReport) openValkey(keys *sealing.Keyring) (*cryptomem.Client, error) {
	a, opts, err := v.valkeyOptions()
	if err != nil {
		return nil, err
	}
	store, err := valkeystore.New(a, opts...)
	if err != nil {
		return nil, err
	}
	return cryptomem.NewClient(store, cryptomem.WithClock(v.clk), cryptomem.WithKeyring(keys), cryptomem.WithNamespace(v.Namespace))
}

// valkeyServer connects as a store does, and asks.
func valkeyServer(ctx context.Context, v *clientReport) {
	if v.unable {
		return
	}
	a, opts, err := v.valkeyOptions()
	var option valkey.ClientOption
	if err == nil {
		option, err = valkeystore.ClientOption(a, opts...)
	}
	if err != nil {
		v.found(Problem, "address", err.Error(), "correct CRYPTOMEM_SERVER (--addr)")
		return
	}
	client, err := valkey.NewClient(option)
	if err != nil {
		if !v.anotherThanValkey(ctx) {
			v.noValkey(a, err)
		}
		return
	}
	defer client.Close()
	ctx, cancel := timeout.Context(ctx, v.clk, v.Timeout)
	defer cancel()
	v.welcome = true
	v.valkeyNodes(ctx, client)
	v.valkeyTime(ctx, client)
	v.valkeyRights(ctx, client)
}

// anotherThanValkey notes that another service than a Valkey or Redis was found at the
// address, if that is so. The first host of several is asked.
func (v *clientReport) anotherThanValkey(ctx context.Context) bool {
	a, err := valkeystore.ParseAddress(v.Addr)
	if err != nil {
		return false
	}
	host := "unix:" + a.Socket
	if len(a.Hosts) > 0 {
		host = a.Hosts[0]
	}
	c := v.brief()
	c.TLS = c.TLS || a.TLS
	found := Identify(ctx, c, host)
	if found == UnknownService || found == Redis {
		return false
	}
	v.found(Problem, "server", AnswersLike(host, found, Redis), adviceFor(host, found, Redis))
	return true
}

// noValkey says why there is no connection.
func (v *clientReport) noValkey(a valkeystore.Address, err error) {
	text := a.String() + ": " + err.Error()
	refusal, said := valkey.IsValkeyErr(err)
	switch {
	case said && (strings.HasPrefix(refusal.Error(), "WRONGPASS") || strings.HasPrefix(refusal.Error(), "NOAUTH")):
		v.found(Problem, "user", text, "correct user and password in the address: valkey://user:password@host; what is no letter or digit in them is written as %XX")
	case said:
		v.found(Problem, "server", text, "see what the server's log says")
	case (errors.Is(err, context.DeadlineExceeded) || isTimeout(err)) && (a.TLS || v.SpeaksTLS()):
		v.found(Problem, "server", a.String()+" takes connections, and answers no TLS handshake", "see whether it is the port for TLS (tls-port); valkey:// does without")
	case errors.Is(err, context.DeadlineExceeded) || isTimeout(err):
		v.found(Problem, "server", a.String()+" takes connections, and does not answer", "see whether it is a Valkey or Redis, whether it speaks TLS (valkeys://), and whether it is overloaded")
	case strings.Contains(err.Error(), "tls:") || strings.Contains(err.Error(), "x509:") || strings.Contains(err.Error(), "EOF"):
		v.found(Problem, "server", text, "see whether both sides agree on TLS: valkeys:// speaks it, valkey:// does not; CRYPTOMEM_CA (--ca) names the authority of its certificate")
	default:
		v.found(Problem, "server", text, "start it, or correct CRYPTOMEM_SERVER (--addr)")
	}
}

// valkeyTime compares the server's clock with this machine's.
func (v *clientReport) valkeyTime(ctx context.Context, client valkey.Client) {
	asked := v.clk.Now()
	parts, err := client.Do(ctx, client.B().Time().Build()).AsIntSlice()
	took := v.clk.Since(asked)
	if err != nil || len(parts) != 2 {
		v.found(Unknown, "clock", "the server does not tell the time", "grant +time, or see that NTP runs on both")
		return
	}
	v.clock(time.Unix(parts[0], parts[1]*1000), asked.Add(took/2), took)
}

// valkeyRoundTrip stores, reads and removes a value, if that is wanted.
func valkeyRoundTrip(ctx context.Context, v *clientReport) {
	if v.Write {
		rights(ctx, v)
	}
}
