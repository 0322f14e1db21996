// Package cryptomem keeps values in a cache that cannot read them: a [Client]
// seals every value with AES-256 before it leaves the process, bound to its key,
// its namespace and its expiry.
//
//	c := cryptomem.New("localhost:8080", 60*time.Second, "your-32-byte-very-secret-key-!!!")
//	err := c.Set("user_session", "active_data_payload")
//	value, err := c.Get("user_session")
//
// Those who run or break into the cache can lose values, or serve an older one
// that has not expired, but can neither read nor alter them, nor pass one off
// under another key, nor keep one alive past its expiry. All of that rests on
// the clients' keys: the cache has none.
//
// This package is the client alone. The server is package server below it; both
// meet in the bytes of package transport/wire.
package cryptomem
