package doctor

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/sealing"
	"github.com/Zezezknight/cryptomem/transport/address"
	"github.com/Zezezknight/cryptomem/transport/timeout"
)

// WriteTTL is when a value that an examination stored expires, should it not
// come to removing it.
const WriteTTL = 10 * time.Second

// rights asks whether the client may do in its namespace what it is there for:
// with the client that services use, on a key that no other client has.
func rights(ctx context.Context, v *clientReport) {
	if !v.welcome {
		return
	}
	ctx, cancel := timeout.Context(ctx, v.clk, v.Timeout)
	defer cancel()
	keys := v.keys
	if keys == nil {
		var err error
		// reading nothing needs no particular key
		if keys, err = sealing.NewKeyring(v.clk.Now()); err != nil {
			v.found(Unknown, "rights", err.Error(), "")
			return
		}
		defer keys.Close() //nolint:errcheck // always nil
	}
	client, err := v.open(ctx, keys)
	if err != nil {
		v.found(Problem, "rights", "a second connection fails: "+err.Error(), "see what the server's log says")
		return
	}
	defer client.Close() //nolint:errcheck // always nil
	key := v.Prefix + doctorKey + rand.Text()
	_, err = client.Get(ctx, key)
	switch {
	case errors.Is(err, cryptomem.ErrDenied):
		v.denied("read", err)
	case err != nil && !errors.Is(err, cryptomem.ErrNotFound):
		v.found(Problem, "rights", "reading fails: "+err.Error(), "see what the server's log says")
	case v.Write && v.keys != nil:
		v.roundTrip(ctx, client, key)
	default:
		v.fine("rights", "may read %s", v.where())
	}
}

// open returns a client as the commands make it.
func (v *clientReport) open(ctx context.Context, keys *sealing.Keyring) (*cryptomem.Client, error) {
	if v.onValkey() {
		return v.openValkey(keys)
	}
	opts := []cryptomem.Option{cryptomem.WithClock(v.clk), cryptomem.WithKeyring(keys), cryptomem.WithDialer(func(ctx context.Context, addr string) (net.Conn, error) {
		return address.Dial(ctx, addr)
	})}
	if v.Namespace != "" {
		opts = append(opts, cryptomem.WithNamespace(v.Namespace))
	}
	cfg, err := v.TLSConfig()
	if err != nil {
		return nil, err
	}
	if cfg != nil {
		cfg.Time = v.clk.Now
		opts = append(opts, cryptomem.WithTLS(cfg))
	}
	if v.Identity != "" {
		opts = append(opts, cryptomem.WithAuth(v.Identity, v.token))
	}
	return cryptomem.Dial(ctx, v.Addr, opts...)
}

// roundTrip seals and stores a value, reads and opens it, and removes it.
func (v *clientReport) roundTrip(ctx context.Context, client *cryptomem.Client, key string) {
	value := []byte("a value of cryptomem doctor")
	if err := client.Set(ctx, key, value, cryptomem.TTL(WriteTTL)); errors.Is(err, cryptomem.ErrDenied) {
		v.denied("write", err)
		return
	} else if err != nil {
		v.found(Problem, "rights", "storing a value fails: "+err.Error(), "see what the server says about itself: cryptomem stats")
		return
	}
	got, err := client.Get(ctx, key)
	switch {
	case err != nil:
		v.found(Problem, "rights", "a value that was stored cannot be read: "+err.Error(), "compare the clocks, and see with cryptomem stats whether the server's memory is full")
	case !bytes.Equal(got, value):
		v.found(Problem, "rights", "another value came back than was stored", "see whether others write under "+key)
	default:
		v.fine("rights", "may write, read and delete %s", v.where())
	}
	if err := client.Delete(ctx, key); err != nil && !errors.Is(err, cryptomem.ErrNotFound) {
		v.found(Warning, "rights", fmt.Sprintf("%s could not be deleted: %v", key, err), fmt.Sprintf("it expires by itself, within %v", WriteTTL))
	}
}

// denied says what an identity may not do. One that is held to prefixes is
// denied every other key, and rightly so.
func (v *clientReport) denied(verb string, err error) {
	who := v.Identity
	if who == "" {
		who = "this client"
	}
	var advice string
	switch {
	case verb == "write":
		advice = "if that is not intended, remove read_only from the identity in the server's identities file"
	case v.Namespace != "":
		advice = "correct --namespace, or add it to the identity's namespaces in the server's identities file"
	default:
		advice = "name the namespace that the identity has with --namespace, or a prefix that it has with --prefix"
	}
	v.found(Problem, "rights", fmt.Sprintf("%s may not %s %s: %q", who, verb, v.where(), err.Error()), advice)
}

// where is the part of the key space that is asked about.
func (v *clientReport) where() string {
	where := "without a namespace"
	if v.Namespace != "" {
		where = "in the namespace " + v.Namespace
	}
	if v.Prefix != "" {
		where += ", under " + v.Prefix
	}
	return where
}
