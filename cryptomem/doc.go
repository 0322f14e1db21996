// Package cryptomem keeps values in a cache that cannot read them: a [Client]
// seals every value with AES-256 before it leaves the process, bound to its key,
// its namespace and its expiry.
//
//	c := cryptomem.New("localhost:8080", 60*time.Second, "your-32-byte-very-secret-key-!!!")
//	err := c.Set("user_session", "active_data_payload")
//	value, err := c.Get("user_session")
//
// An attacker who controls the cache can lose values, or serve an older one that
// has not expired. They cannot read or alter a value, pass it off under another
// key, or keep it alive past its expiry: only the clients have the keys.
//
// This package is the client. The server is in package server; package
// transport/wire defines the protocol between them.
package cryptomem
