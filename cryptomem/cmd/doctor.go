package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"text/tabwriter"
	"time"

	"github.com/spf13/pflag"

	"github.com/Zezezknight/cryptomem/cache"
	"github.com/Zezezknight/cryptomem/cryptomem/config"
	"github.com/Zezezknight/cryptomem/cryptomem/doctor"
	"github.com/Zezezknight/cryptomem/cryptomem/stats"
)

const doctorUsage = `Usage:
    cryptomem doctor [--config FILE] [--SETTING VALUE]...

Looks for what is wrong with a set-up and says what to do: configuration,
certificates, file modes, limits of the machine, whether the server can be
reached, and whether its clock agrees with this machine's. It changes nothing.

The flags are those of "cryptomem serve". The sealing key is looked at where
CRYPTOMEM_KEY_FILE names one; CRYPTOMEM_IDENTITY and CRYPTOMEM_TOKEN are used to
ask a server that wants them. Exit code 3 says that there is a problem.

Example:
    $ cryptomem doctor --config /etc/cryptomem/config.yaml
    ok       who can connect  only this machine
    PROBLEM  private key      other users may open server.key, its mode is 0644:
                              whoever has it can pass for this server
                              -> chmod 0600 server.key
    ...
`

// doctorWidth is how long a line of a finding may get, in letters.
const doctorWidth = 100

func examine(ctx context.Context, c *console, args []string) error {
	cfg, err := loadConfig(c, pflag.NewFlagSet("doctor", pflag.ContinueOnError), args)
	var wrong config.Problems
	switch {
	case errors.As(err, &wrong):
		var findings []doctor.Finding
		for _, p := range wrong {
			findings = append(findings, doctor.Finding{
				Severity: doctor.Problem, Subject: "configuration", Text: p.Where + ": " + p.Text,
				Advice: "mend it, and ask again: the server does not start with it",
			})
		}
		return writeFindings(c, findings)
	case err != nil:
		return err
	}
	patient := doctor.Patient{Config: cfg, Now: time.Now, MaxFiles: stats.ReadProcess().MaxFiles}
	if runtime.GOOS == "linux" {
		patient.Memory = cache.DefaultMaxMemory() / 3 * 4 // the default is three quarters of it
	}
	patient.KeyFile, _ = c.env("CRYPTOMEM_KEY_FILE")
	if patient.Identity, _ = c.env("CRYPTOMEM_IDENTITY"); patient.Identity != "" {
		token, err := (&clientFlags{}).token(c)
		if err != nil {
			return err
		}
		patient.Token = string(token)
	}
	return writeFindings(c, doctor.Examine(ctx, patient))
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
		fmt.Fprintf(w, "%s\t%s\t%s\n", f.Severity, f.Subject, wrap(f.Text, doctorWidth-subjects-11, margin))
		if f.Advice != "" {
			fmt.Fprintf(w, "\t\t-> %s\n", wrap(f.Advice, doctorWidth-subjects-14, margin+"   "))
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
