package cryptomem

import (
	"context"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// Typed is a Client for values of type T. Make one with JSON, Binary or NewTyped;
// many may share a client.
//
// A stored value that cannot be decoded, for example because an earlier release had
// another type, counts as missing: reading it fails with ErrNotFound and the codec's
// error; Add, GetOrLoad and Update replace it; the observer is told.
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

// Binary returns a Typed for a type that implements encoding.BinaryMarshaler, such
// as time.Time.
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

// Get returns the value under the key; ErrNotFound if there is none.
func (t *Typed[T]) Get(ctx context.Context, key string) (T, error) {
	b, err := t.client.Get(ctx, key)
	return t.decoded(ctx, b, err)
}

// GetItem returns the value under the key with its version. See Client.GetItem.
func (t *Typed[T]) GetItem(ctx context.Context, key string) (ItemOf[T], error) {
	item, err := t.client.GetItem(ctx, key)
	v, err := t.decoded(ctx, item.Value, err)
	return ItemOf[T]{Value: v, Version: item.Version, Expires: item.Expires}, err
}

// Exists reports whether there is a value under the key, without decoding it.
func (t *Typed[T]) Exists(ctx context.Context, key string) (bool, error) {
	return t.client.Exists(ctx, key)
}

// Set stores v under the key. Errors are those of Client.Set and of the
// encoding.
func (t *Typed[T]) Set(ctx context.Context, key string, v T, opts ...StoreOption) error {
	b, err := t.encode(v)
	if err != nil {
		return err
	}
	return t.client.Set(ctx, key, b, opts...)
}

// Delete removes the value under the key; ErrNotFound if there is none.
func (t *Typed[T]) Delete(ctx context.Context, key string) error {
	return t.client.Delete(ctx, key)
}

// Remove removes the value under the key, if there is one.
func (t *Typed[T]) Remove(ctx context.Context, key string) error {
	return t.client.Remove(ctx, key)
}

// GetDelete removes the item and returns its value. See Client.GetDelete.
func (t *Typed[T]) GetDelete(ctx context.Context, key string) (T, error) {
	b, err := t.client.GetDelete(ctx, key)
	return t.decoded(ctx, b, err)
}

// Add stores v if there is no value under the key, else it fails with ErrExists.
func (t *Typed[T]) Add(ctx context.Context, key string, v T, opts ...StoreOption) error {
	b, err := t.encode(v)
	if err != nil {
		return err
	}
	err = t.client.Add(ctx, key, b, opts...)
	if !errors.Is(err, ErrExists) {
		return err
	}
	item, missing := t.GetItem(ctx, key)
	if !errors.Is(missing, ErrNotFound) || item.Version == 0 {
		return err
	}
	life, _ := t.client.lifetime(opts) // which Add has found to be right
	life.keep = false
	_, swapped := t.client.swap(ctx, key, b, item.Version, life)
	if errors.Is(swapped, ErrChanged) || errors.Is(swapped, ErrNotFound) {
		// another client was faster
		return err
	}
	return swapped
}

// Replace stores v if there is a value under the key, else it fails with
// ErrNotFound.
func (t *Typed[T]) Replace(ctx context.Context, key string, v T, opts ...StoreOption) error {
	b, err := t.encode(v)
	if err != nil {
		return err
	}
	return t.client.Replace(ctx, key, b, opts...)
}

// CompareAndSwap stores v if the item still has the version that GetItem returned.
// See Client.CompareAndSwap.
func (t *Typed[T]) CompareAndSwap(ctx context.Context, key string, v T, version uint64, opts ...StoreOption) (uint64, error) {
	b, err := t.encode(v)
	if err != nil {
		return 0, err
	}
	return t.client.CompareAndSwap(ctx, key, b, version, opts...)
}

// Update replaces the value under the key by the result of change, and returns it.
// change gets the current value, or the zero value and false. It must have no side
// effects, since it is called again if another client changes the value meanwhile.
// See Client.Update.
func (t *Typed[T]) Update(ctx context.Context, key string, change func(v T, found bool) (T, error), opts ...StoreOption) (T, error) {
	var v, zero T
	_, err := t.client.Update(ctx, key, func(b []byte, found bool) ([]byte, error) {
		var err error
		v = zero
		if found {
			if v, err = t.decode(b); err != nil {
				_ = t.undecodable(ctx, err)
				v, found = zero, false
			}
		}
		if v, err = change(v, found); err != nil {
			return nil, err
		}
		return t.encode(v)
	}, opts...)
	if err != nil {
		return zero, err
	}
	return v, nil
}

// Touch gives the value a new expiry, without decoding it. See Client.Touch.
func (t *Typed[T]) Touch(ctx context.Context, key string, opts ...StoreOption) error {
	return t.client.Touch(ctx, key, opts...)
}

// GetMany returns the values under the keys, in the order of the keys, in one round
// trip. A key without a value has ErrNotFound as its error.
func (t *Typed[T]) GetMany(ctx context.Context, keys []string) []ResultOf[T] {
	results := make([]ResultOf[T], len(keys))
	for i, r := range t.client.GetMany(ctx, keys) {
		results[i].Value, results[i].Err = t.decoded(ctx, r.Value, r.Err)
	}
	return results
}

// SetMany stores the pairs in one round trip and returns an error for each, nil
// where it was stored.
func (t *Typed[T]) SetMany(ctx context.Context, pairs []PairOf[T], opts ...StoreOption) []error {
	errs := make([]error, len(pairs))
	encoded := make([]Pair, 0, len(pairs))
	// indices of the encoded pairs
	places := make([]int, 0, len(pairs))
	for i, p := range pairs {
		b, err := t.encode(p.Value)
		if err != nil {
			errs[i] = err
			continue
		}
		encoded, places = append(encoded, Pair{Key: p.Key, Value: b}), append(places, i)
	}
	for i, err := range t.client.SetMany(ctx, encoded, opts...) {
		errs[places[i]] = err
	}
	return errs
}

// DeleteMany removes the values under the keys in one round trip and returns how
// many there were. See Client.DeleteMany.
func (t *Typed[T]) DeleteMany(ctx context.Context, keys []string) (removed int, err error) {
	return t.client.DeleteMany(ctx, keys)
}

// GetOrLoad returns the value under the key. If there is none, or none that can be
// decoded, it calls load and stores the result. See Client.GetOrLoad.
func (t *Typed[T]) GetOrLoad(ctx context.Context, key string, load func(context.Context) (T, error), opts ...LoadOption) (T, error) {
	loader := func(ctx context.Context) ([]byte, error) {
		v, err := load(ctx)
		if err != nil {
			return nil, err
		}
		return t.encode(v)
	}
	b, err := t.client.GetOrLoad(ctx, key, loader, opts...)
	if err != nil {
		return *new(T), err
	}
	v, err := t.decode(b)
	if err == nil {
		return v, nil
	}
	_ = t.undecodable(ctx, err)
	if b, err = t.client.GetOrLoad(ctx, key, loader, append(slices.Clip(opts), usableOption(t.decodable))...); err != nil {
		return *new(T), err
	}
	// an error now means that the codec cannot read what it writes
	return t.decode(b)
}

func (t *Typed[T]) decodable(b []byte) bool {
	_, err := t.decode(b)
	return err == nil
}

// Invalidate removes the values under the keys and keeps those that are being
// loaded from being stored. See Client.Invalidate.
func (t *Typed[T]) Invalidate(ctx context.Context, keys ...string) error {
	return t.client.Invalidate(ctx, keys...)
}

// Client returns the underlying client, for counters, locks and batches.
func (t *Typed[T]) Client() *Client { return t.client }

// decoded decodes a value that was read. If it cannot be decoded, it counts as
// missing.
func (t *Typed[T]) decoded(ctx context.Context, b []byte, err error) (T, error) {
	if err != nil {
		return *new(T), err
	}
	v, err := t.decode(b)
	if err != nil {
		return *new(T), fmt.Errorf("%w: %w", ErrNotFound, t.undecodable(ctx, err))
	}
	return v, nil
}

// undecodable reports a value that the codec cannot read to the observer.
func (t *Typed[T]) undecodable(ctx context.Context, err error) error {
	err = fmt.Errorf("value cannot be decoded: %w", err)
	t.client.observeUnsent(ctx, CommandGet, err)
	return err
}
