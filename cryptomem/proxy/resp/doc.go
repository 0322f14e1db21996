// Package resp reads and writes the Redis serialization protocol, versions 2
// and 3: a client's commands, and the replies to them.
//
//	*2\r\n$3\r\nGET\r\n$5\r\nvisit\r\n      a command: an array of strings
//	$2\r\n42\r\n                           its reply
//
// Nothing here does I/O. A [Parser] takes commands out of received bytes; the
// Append functions append replies to a buffer, in the [Version] that the client
// has asked for; a [Reply] is one as a value. Memory follows bytes received,
// never lengths declared.
//
// The protocol is described at https://redis.io/docs/latest/develop/reference/protocol-spec/.
package resp
