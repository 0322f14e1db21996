package cryptomem

import (
	"context"
	"encoding"
	"encoding/json"
)

// Typed is a Client whose values are of a type of their own. Make one with
// JSON, Binary or NewTyped; many may share a client.
//
//	users := cryptomem.JSON[User](client)
//	err := users.Set(ctx, "u:17", User{Name: "Ada"}, cryptomem.TTL(time.Hour))
//	user, err := users.Get(ctx, "u:17")
type Typed[T any] struct {
	client *Client
	encode func(T) ([]byte, error)
	decode func([]byte) (T, error)
}

// NewTyped returns a Typed whose values are encoded and decoded by the given
// functions, which must be safe for concurrent use. decode must not keep its
// argument.
func NewTyped[T any](c *Client, encode func(T) ([]byte, error), decode func([]byte) (T, error)) *Typed[T] {
	return &Typed[T]{client: c, encode: encode, decode: decode}
}

// JSON returns a Typed that encodes with encoding/json.
func JSON[T any](c *Client) *Typed[T] {
	return NewTyped(c,
		func(v T) ([]byte, error) { return json.Marshal(v) },
		func(b []byte) (v T, err error) { return v, json.Unmarshal(b, &v) },
	)
}

// Binary returns a Typed of a type that encodes itself, such as time.Time.
func Binary[T any, P interface {
	*T
	encoding.BinaryMarshaler
	encoding.BinaryUnmarshaler
}](c *Client) *Typed[T] {
	return NewTyped(c,
		func(v T) ([]byte, error) { return P(&v).MarshalBinary() },
		func(b []byte) (v T, err error) { return v, P(&v).UnmarshalBinary(b) },
	)
}

// Client returns the client beneath.
func (t *Typed[T]) Client() *Client { return t.client }

// Set stores v under the key. Errors are those of Client.Set and of the
// encoding.
func (t *Typed[T]) Set(ctx context.Context, key string, v T, opts ...StoreOption) error {
	b, err := t.encode(v)
	if err != nil {
		return err
	}
	return t.client.Set(ctx, key, b, opts...)
}

// Add stores v under a key that holds none; ErrExists if it does.
func (t *Typed[T]) Add(ctx context.Context, key string, v T, opts ...StoreOption) error {
	b, err := t.encode(v)
	if err != nil {
		return err
	}
	return t.client.Add(ctx, key, b, opts...)
}

// Get returns the value under the key; ErrNotFound if there is none.
func (t *Typed[T]) Get(ctx context.Context, key string) (T, error) {
	return t.decoded(t.client.Get(ctx, key))
}

// GetDelete removes the item and returns the value it had.
func (t *Typed[T]) GetDelete(ctx context.Context, key string) (T, error) {
	return t.decoded(t.client.GetDelete(ctx, key))
}

// Delete removes the value under the key; ErrNotFound if there is none.
func (t *Typed[T]) Delete(ctx context.Context, key string) error {
	return t.client.Delete(ctx, key)
}

// GetOrLoad returns the value under the key, made by load and stored if
// there is none. See Client.GetOrLoad.
func (t *Typed[T]) GetOrLoad(ctx context.Context, key string, load func(context.Context) (T, error), opts ...LoadOption) (T, error) {
	return t.decoded(t.client.GetOrLoad(ctx, key, func(ctx context.Context) ([]byte, error) {
		v, err := load(ctx)
		if err != nil {
			return nil, err
		}
		return t.encode(v)
	}, opts...))
}

// Update changes the value under the key: change gets what is there, or the
// zero value and false, and returns what is to be there. It is called again if
// somebody else changed the value meanwhile, so it must do nothing else. ErrChanged
// if that happens again and again.
func (t *Typed[T]) Update(ctx context.Context, key string, change func(v T, found bool) (T, error), opts ...StoreOption) error {
	return t.client.update(ctx, key, func(b []byte, found bool) ([]byte, error) {
		var v T
		var err error
		if found {
			if v, err = t.decode(b); err != nil {
				return nil, err
			}
		}
		if v, err = change(v, found); err != nil {
			return nil, err
		}
		return t.encode(v)
	}, opts)
}

func (t *Typed[T]) decoded(b []byte, err error) (T, error) {
	if err != nil {
		var zero T
		return zero, err
	}
	return t.decode(b)
}
