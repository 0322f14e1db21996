package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/benbjohnson/clock"
	"github.com/spf13/pflag"

	"github.com/Zezezknight/cryptomem/cache"

	"github.com/Zezezknight/cryptomem/cryptomem/doctor"

	"github.com/Zezezknight/cryptomem/cryptomem/server/config"
	"github.com/Zezezknight/cryptomem/cryptomem/server/stats"
)

const doctorUsage = `Usage:
    cryptomem doctor [--config FILE] [--SETTING VALUE]...
    cryptomem doctor --client [--write] [flags of "cryptomem get"]
    cryptomem doctor --proxy [--config FILE] [--SETTING VALUE]...

Finds problems of a server, a client or a proxy, and says how to fix them. The
exit code is 3 if there is a problem.

By default it checks a server, on the server's machine: configuration,
certificates, file modes, limits of the machine, whether the server answers, and
whether the clocks agree. It changes nothing. It takes the flags, the file and
the environment of "cryptomem serve" ($CRYPTOMEM_CONFIG, $CRYPTOMEM_ADDR and so
on, one for each setting). It checks the sealing key if $CRYPTOMEM_KEY_FILE
names one. If the server requires authentication, set $CRYPTOMEM_IDENTITY, and
$CRYPTOMEM_TOKEN_FILE or $CRYPTOMEM_TOKEN.

With --client, it checks a client, on any machine: whether a cryptomem server
answers, whether both sides use TLS, whether the server's certificate is
trusted; whether the client's certificate, token and key exist and are secret;
whether the server accepts them and allows the namespace; and whether the clocks
agree. If there are several servers, it asks each of them.

With --proxy, it checks a proxy, on the proxy's machine: who can connect, and so
read everything; password, certificate and key file; whether the upstream
answers; and whether the program that listens there is a proxy. It takes the
flags, the file and the environment of "cryptomem proxy".

    --proxy              check a proxy
    --client             check a client, with the flags below
` + clientFlagsUsage + keyFlagsUsage + `    --write              also store, read and delete a value, under a random key
                         that expires after 10s
    --prefix PREFIX      begin that key with PREFIX, for an identity that is
                         limited to prefixes

Example:
    $ cryptomem doctor --config /etc/cryptomem/config.yaml
    ok       who can connect  only this machine
    PROBLEM  private key      other users may open server.key, its mode is 0644:
                              anyone who has it can pass for this server
                              -> chmod 0600 server.key
    ...
    $ cryptomem doctor --client --addr cache.example.com:8443 --namespace web
    ...
    PROBLEM  server           cache.example.com:8443 speaks TLS, and this client
                              does not
                              -> set CRYPTOMEM_CA (--ca) to the certificate of
                                 the server's authority, or use --tls if the
                                 system trusts that authority
`

// doctorWidth is how long a line of a finding may get, in letters.
const doctorWidth = 100

func examine(ctx context.Context, c *console, args []string) error {
	if slices.Contains(args, "--client") {
		return examineClient(ctx, c, args)
	}
	if slices.Contains(args, "--proxy") {
		return examineProxy(ctx, c, args)
	}
	cfg, err := loadConfig(c, pflag.NewFlagSet("doctor", pflag.ContinueOnError), args)
	var wrong config.Problems
	var misused usageError
	switch {
	case errors.As(err, &misused):
		if name, ok := strings.CutPrefix(misused.Error(), "unknown flag: --"); ok {
			if meant := config.Closest(name, []string{"client", "proxy"}); meant != "" {
				return usageError(fmt.Sprintf("unknown flag: --%s; did you mean --%s?", name, meant))
			}
		}
		return usageError(misused.Error() + ` (a client's flags go with "doctor --client")`)
	case errors.As(err, &wrong):
		return writeFindings(c, misconfigured(wrong, "server"))
	case err != nil:
		return err
	}
	patient := doctor.Setup{Config: cfg, Clock: clock.New(), MaxFiles: stats.ReadProcess().MaxFiles}
	if runtime.GOOS == "linux" {
		// the default is three quarters of it
		patient.Memory = cache.DefaultMaxMemory() / 3 * 4
	}
	client := (&clientFlags{}).settings(c)
	patient.KeyFile, patient.Identity = client.KeyFile, client.Identity
	if patient.Identity != "" {
		token, err := readToken(client)
		if err != nil {
			return err
		}
		patient.Token = string(token)
	}
	err = writeFindings(c, doctor.Examine(ctx, patient))
	if server, _ := c.env("CRYPTOMEM_SERVER"); server != "" && !isValkey(server) {
		fmt.Fprintf(c.err, "cryptomem doctor: this was about a server here; for a client of %s, add --client\n", server)
	}
	return err
}

// misconfigured is what is wrong with a configuration, as findings.
func misconfigured(wrong config.Problems, who string) (findings []doctor.Finding) {
	for _, p := range wrong {
		findings = append(findings, doctor.Finding{
			Severity: doctor.Problem, Subject: "configuration", Text: p.Error(),
			Advice: "mend it, and ask again: the " + who + " does not start with it",
		})
	}
	return findings
}

func examineProxy(ctx context.Context, c *console, args []string) error {
	fs := pflag.NewFlagSet("doctor", pflag.ContinueOnError)
	fs.Bool("proxy", true, "")
	cfg, err := loadProxyConfig(c, fs, args)
	var wrong config.Problems
	switch {
	case errors.As(err, &wrong):
		return writeFindings(c, misconfigured(wrong, "proxy"))
	case err != nil:
		return err
	}
	keyFile := proxyKeyFile(c, cfg)
	return writeFindings(c, doctor.ExamineProxy(ctx, doctor.Proxy{
		Config: cfg, KeyFile: keyFile, Clock: clock.New(), MaxFiles: stats.ReadProcess().MaxFiles,
		Ping: func(ctx context.Context) error {
			u, err := openUpstream(cfg, keyFile, clock.New(), slog.New(slog.DiscardHandler))
			if err != nil {
				return err
			}
			return errors.Join(u.ping(ctx), u.close())
		},
	}))
}

func examineClient(ctx context.Context, c *console, args []string) error {
	fs := pflag.NewFlagSet("doctor", pflag.ContinueOnError)
	flags := newClientFlags(fs).withKey(fs)
	fs.Bool("client", true, "")
	write := fs.Bool("write", false, "")
	prefix := fs.String("prefix", "", "")
	operands, err := parse(fs, args)
	var misused usageError
	switch {
	case errors.As(err, &misused):
		return usageError(misused.Error() + ` (a server's flags go without --client)`)
	case err != nil:
		return err
	case len(operands) > 0:
		return usageError(fmt.Sprintf("unexpected %q", operands[0]))
	}
	var findings []doctor.Finding
	for _, one := range flags.each(c) {
		client := one.settings(c)
		client.Write, client.Prefix = *write, *prefix
		for _, f := range doctor.ExamineClient(ctx, client) {
			// as of the files, which are the same for all servers
			if !slices.Contains(findings, f) {
				findings = append(findings, f)
			}
		}
	}
	return writeFindings(c, findings)
}

// writeFindings writes what was found, and fails if there is a problem.
func writeFindings(c *console, findings []doctor.Finding) error {
	subjects := 0
	for _, f := range findings {
		subjects = max(subjects, len(f.Subject))
	}
	problems := 0
	w := tabwriter.NewWriter(c.out, 9, 0, 2, ' ', 0)
	margin := "\n\t\t"
	for _, f := range findings {
		if f.Severity == doctor.Problem {
			problems++
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", f.Severity, f.Subject, wrap(printable(f.Text), doctorWidth-subjects-11, margin))
		if f.Advice != "" {
			fmt.Fprintf(w, "\t\t-> %s\n", wrap(printable(f.Advice), doctorWidth-subjects-14, margin+"   "))
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	switch problems {
	case 0:
		return nil
	case 1:
		return errors.New("there is 1 problem")
	}
	return fmt.Errorf("there are %d problems", problems)
}
