package config

import (
	"fmt"
	"regexp"
	"strings"
)

const referenceIntro = `# Server settings

<!-- Written by: cryptomem config --reference -->

Every setting of ` + "`cryptomem serve`" + `, to look up. [Operations](operations.md) explains how to
run a server, and [security](security.md) which settings make it safe.

Give a setting in a file, in the environment or as a flag. Each place overrides the one
before:

| place | example |
|---|---|
| ` + "`config.yaml`" + `, or the file named by ` + "`--config`" + ` or ` + "`CRYPTOMEM_CONFIG`" + ` | ` + "`max_memory: 512MiB`" + ` |
| environment | ` + "`CRYPTOMEM_MAX_MEMORY=512MiB`" + ` |
| flag | ` + "`--max-memory 512MiB`" + ` |

` + "`cryptomem config`" + ` prints the values in effect and where each one comes from.
` + "`cryptomem config --check`" + ` only checks them, with the certificate, key and identities
files that they name, and warns of ` + "`CRYPTOMEM_…`" + ` variables that are not settings. An unknown
setting or a wrong value stops the server from starting. All mistakes are reported at once.

Settings marked *reload* also change on SIGHUP. The others need a restart, and the log says
so.

## How to write values

- **Sizes** take B, KB, MB, GB, TB (powers of 1000) or KiB, MiB, GiB, TiB (powers of 1024),
  as in 1.5GiB. Ki, Mi, Gi and Ti mean the same as KiB and so on.
- **Durations** take ns, us, ms, s, m, h, d, as in 90s.
- **True and false** can also be yes and no, on and off, or 1 and 0. As a flag:
  ` + "`--flush`" + ` or ` + "`--flush=false`" + `.
- **none** unsets a setting. Where a limit or timeout may be none, 0 means none too. In place
  of a file's name, words such as "no" are refused.

`

// Reference returns the documentation of all settings of a server, as Markdown.
func Reference() string { return reference(referenceIntro, settings) }

const proxyReferenceIntro = `# Proxy settings

<!-- Written by: cryptomem config --proxy --reference -->

Every setting of ` + "`cryptomem proxy`" + `, to look up. [The proxy](proxy.md) explains what it
does and how to use it.

Give a setting in a file, in the environment or as a flag, with values
[written as those of the server](configuration.md#how-to-write-values). Each place overrides
the one before:

| place | example |
|---|---|
| ` + "`proxy.yaml`" + `, or the file named by ` + "`--config`" + ` or ` + "`CRYPTOMEM_PROXY_CONFIG`" + ` | ` + "`max_value_size: 4MiB`" + ` |
| environment | ` + "`CRYPTOMEM_PROXY_MAX_VALUE_SIZE=4MiB`" + ` |
| flag | ` + "`--max-value-size 4MiB`" + ` |

` + "`cryptomem config --proxy`" + ` prints the values in effect and where each one comes from.
` + "`cryptomem config --proxy --check`" + ` only checks them, with the key, certificate and password
files that they name. Settings marked *reload* also change on SIGHUP.

`

// ProxyReference returns the documentation of all settings of a proxy, as
// Markdown.
func ProxyReference() string { return reference(proxyReferenceIntro, proxySettings) }

// names are the settings and variables in a description.
var names = regexp.MustCompile(`\b\w*[a-zA-Z]_\w+\b`)

func reference[C any](intro string, settings []SettingOf[C]) string {
	var b strings.Builder
	b.WriteString(intro)
	for _, s := range settings {
		if s.Group != "" {
			fmt.Fprintf(&b, "## %s\n\n", s.Group)
		}
		fmt.Fprintf(&b, "### %s\n\n%s\n\n", s.Name, names.ReplaceAllString(s.Doc, "`$0`"))
		fmt.Fprintf(&b, "- Default: `%s`\n- Allowed: %s\n- Set by: `%s`, `--%s`", s.Default, s.Allowed(), s.Env(), s.Flag())
		if s.Reload {
			b.WriteString("; *reload*")
		}
		b.WriteString("\n\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}
