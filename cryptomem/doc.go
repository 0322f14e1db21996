// Package cryptomem is an in-memory store that holds values it cannot read: a
// [Client] seals every value with AES before it leaves the process, a [Server]
// keeps ciphertext with a time to live.
//
//	c := cryptomem.New("localhost:8080", 60*time.Second, "your-32-byte-very-secret-key-!!!")
//	err := c.Set("user_session", "active_data_payload")
//	value, err := c.Get("user_session")
//
// A value's way is a straight line, and the same one back:
//
//	Client.Set → sealing.Seal → pipeline.Conn → TCP → session.Session → cache.Set
//
// Whoever runs or breaks into the server can lose values, or serve an older one
// that has not expired, but can neither read nor alter them, nor pass one off
// under another key, nor keep one alive past its expiry. All of that rests on
// the clients' keys: the server has none.
package cryptomem
