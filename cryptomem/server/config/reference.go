package config

import (
	"fmt"
	"strings"
)

const referenceIntro = `# Configuration reference

<!-- Written by: cryptomem config --reference -->

Every setting of the server. A setting may be given in a file, in the
environment, or as a flag; each overrules the one before:

| place | example |
|---|---|
| ` + "`config.yaml`" + `, or the file named by ` + "`--config`" + ` or ` + "`CRYPTOMEM_CONFIG`" + ` | ` + "`max_memory: 512MiB`" + ` |
| environment | ` + "`CRYPTOMEM_MAX_MEMORY=512MiB`" + ` |
| flag | ` + "`--max-memory 512MiB`" + ` |

Sizes are written with B, KB, MB, GB, TB (powers of 1000) or KiB, MiB, GiB, TiB
(powers of 1024; Ki, Mi, Gi and Ti do as well), as in 1.5GiB; durations with ns, us,
ms, s, m, h, d. For true and false, yes and no, on and off, and 1 and 0 are
understood. The lack of something is none; a limit or timeout of 0 is read as none
too. A flag that is true or false is written ` + "`--flush`" + ` or
` + "`--flush=false`" + `. A key that does not exist or a value that is not allowed stops the server from starting, and all
mistakes are reported at once. ` + "`cryptomem config`" + ` prints what the server would
run with and where each value came from; ` + "`cryptomem config --check`" + ` only checks, the
certificate, key and identities files that it names included, and warns of
` + "`CRYPTOMEM_…`" + ` variables that are no setting. Without a value a setting is "none": a
word such as "no" in place of a file's name is refused.

Settings marked *reload* take effect on SIGHUP; the others need a restart, and
the server's log says so.

`

// Reference returns the documentation of all settings of a server, as Markdown.
func Reference() string { return reference(referenceIntro, settings) }

const proxyReferenceIntro = `# Proxy configuration reference

<!-- Written by: cryptomem config --proxy --reference -->

Every setting of ` + "`cryptomem proxy`" + `, which [proxy.md](proxy.md) explains. They are given
as those of the server are ([configuration.md](configuration.md)), each place
overruling the one before:

| place | example |
|---|---|
| ` + "`proxy.yaml`" + `, or the file named by ` + "`--config`" + ` or ` + "`CRYPTOMEM_PROXY_CONFIG`" + ` | ` + "`max_value_size: 4MiB`" + ` |
| environment | ` + "`CRYPTOMEM_PROXY_MAX_VALUE_SIZE=4MiB`" + ` |
| flag | ` + "`--max-value-size 4MiB`" + ` |

` + "`cryptomem config --proxy`" + ` prints what the proxy would run with and where each
value came from; ` + "`cryptomem config --proxy --check`" + ` only checks, the key, certificate
and password files that it names included. Settings marked *reload* take effect
on SIGHUP.

`

// ProxyReference returns the documentation of all settings of a proxy, as
// Markdown.
func ProxyReference() string { return reference(proxyReferenceIntro, proxySettings) }

func reference[C any](intro string, settings []SettingOf[C]) string {
	var b strings.Builder
	b.WriteString(intro)
	for _, s := range settings {
		fmt.Fprintf(&b, "## %s\n\n%s\n\n", s.Name, s.Doc)
		fmt.Fprintf(&b, "- Default: `%s`\n- Allowed: %s\n- `%s`, `--%s`", s.Default, s.Allowed(), s.Env(), s.Flag())
		if s.Reload {
			b.WriteString("; *reload*")
		}
		b.WriteString("\n\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}
