package address_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/Zezezknight/cryptomem/transport/address"
)

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"localhost:8080", ":0", "[::1]:8080", "[fe80::1%eth0]:1", "unix:/s", "unix:///s", "unix://s", "unix:////", "unix:////tmp/s",
		"::1:8080", "http://localhost:8080/", "8080", "a,b:1", "", "[", "]", ":", "unix:", "unix:@s", "[]:1",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := address.Parse(text)
		if err != nil {
			if wrong := (*address.Error)(nil); !errors.As(err, &wrong) || wrong.Reason == "" || wrong.Advice == "" {
				t.Fatalf("%q: no advice in %v", text, err)
			}
			return
		}
		if len(a.Path) > address.MaxUnixPath || strings.ContainsRune(a.Path, 0) || a.Path != "" && a.Host != "" {
			t.Fatalf("%q was parsed as %+v", text, a)
		}
		if again, err := address.Parse(a.String()); err != nil || again != a {
			t.Fatalf("%q was parsed as %+v, written as %q and parsed as %+v, %v", text, a, a, again, err)
		}
	})
}
