package doctor

import (
	"fmt"
	"strings"

	"github.com/Zezezknight/cryptomem/sealing"
)

// EncodedSecret says of a secret of 32 characters that it is plainly hexadecimal or
// base64, and so has fewer bits than a key of that size is taken for; else it returns
// nothing.
func EncodedSecret(secret string) string {
	const (
		digits = "0123456789"
		lower  = "abcdefghijklmnopqrstuvwxyz"
		upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	)
	only := func(allowed string) bool { return strings.Trim(secret, allowed) == "" }
	switch {
	case len(secret) != sealing.KeySize:
		return ""
	case only(digits + "abcdef"), only(digits + "ABCDEF"):
		return tooFew("hexadecimal", sealing.KeySize/2)
	case (only(digits+lower+upper+"+/=") || only(digits+lower+upper+"-_=")) &&
		strings.ContainsAny(secret, digits) && strings.ContainsAny(secret, lower) && strings.ContainsAny(secret, upper):
		return tooFew("base64", sealing.KeySize/4*3)
	}
	return ""
}

func tooFew(form string, bytes int) string {
	return fmt.Sprintf("it looks like %s of %d bytes: that is %d bits, where a key has %d", form, bytes, 8*bytes, 8*sealing.KeySize)
}
