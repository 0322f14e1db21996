package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/benbjohnson/clock"
	"github.com/spf13/pflag"

	"github.com/Zezezknight/cryptomem/cryptomem"

	"github.com/Zezezknight/cryptomem/cryptomem/server/config"
)

const usage = `Usage:
    cryptomem serve [--config FILE] [--SETTING VALUE]...
    cryptomem proxy --upstream STORE --key-file FILE [--SETTING VALUE]...
    cryptomem set KEY (VALUE | - | --file FILE) [--ttl DURATION] [--nx | --xx]
    cryptomem get KEY...
    cryptomem del KEY...
    cryptomem incr KEY [--by N] [--ttl DURATION]
    cryptomem ttl KEY
    cryptomem touch KEY... --ttl DURATION
    cryptomem keys [PREFIX]
    cryptomem flush (PREFIX | --all)
    cryptomem ping [--wait DURATION]
    cryptomem keygen --output FILE
    cryptomem keygen (list | add | promote ID | retire ID | cut TIME)
    cryptomem keygen derive --namespace NAME --output FILE
    cryptomem token NAME --output FILE [--namespace NAME]...
    cryptomem certs --dir DIR NAME...
    cryptomem bench [--rate N] [--protocol NAME] [--compare] [flags]
    cryptomem stats [--watch] [--json]
    cryptomem doctor [--config FILE] [--SETTING VALUE]...
    cryptomem doctor --client [--write] [flags]
    cryptomem doctor --proxy [--config FILE] [--SETTING VALUE]...
    cryptomem conformance [--run PATTERN] [--json] [flags]
    cryptomem conformance --envelope -- COMMAND [ARGUMENT]...
    cryptomem config [--proxy] [--check] [--config FILE] [--SETTING VALUE]...
    cryptomem completion (bash | zsh | fish)
    cryptomem help [COMMAND | --man]
    cryptomem version

cryptomem is a cache that cannot read its values: the client seals each value
before it sends it, and the server keeps it in memory until it expires.
"cryptomem serve" starts the server, by default on localhost:8080.
"cryptomem help COMMAND" explains a command.

Exit codes: 0 done, 1 not found (set --nx: found; conformance: a case failed),
2 wrong usage or configuration, such as a missing key file, 3 failed.

Example:
    $ cryptomem serve &
    $ cryptomem keygen --output key.json
    $ export CRYPTOMEM_KEY_FILE=key.json
    $ printf hello | cryptomem set greeting --ttl 1m -
    $ cryptomem get greeting
    hello
`

// A command is one row of what the binary can do.
type command struct {
	name string
	// Ends in a worked example.
	help string
	run  func(context.Context, *console, []string) error
}

// commands is the table of them. It is a function because help and completion, which
// are rows of it, read it.
func commands() []command {
	return []command{
		{"serve", serveUsage, serveCommand},
		{"proxy", proxyUsage, proxyCommand},
		{"set", setUsage, set},
		{"get", getUsage, get},
		{"del", delUsage, del},
		{"incr", incrUsage, incr},
		{"ttl", ttlUsage, showTTL},
		{"touch", touchUsage, touch},
		{"keys", keysUsage, keys},
		{"flush", flushUsage, flush},
		{"ping", pingUsage, ping},
		{"keygen", keygenUsage, keygen},
		{"token", tokenUsage, token},
		{"certs", certsUsage, issueCerts},
		{"bench", benchUsage, runBench},
		{"stats", statsUsage, showStats},
		{"doctor", doctorUsage, examine},
		{"conformance", conformanceUsage, checkConformance},
		{"config", configUsage, showConfig},
		{"completion", completionUsage, completion},
		{"help", helpUsage, help},
		{"version", versionUsage, showVersion},
	}
}

// commandNamed returns the command of that name.
func commandNamed(name string) (command, bool) {
	for _, cmd := range commands() {
		if cmd.name == name {
			return cmd, true
		}
	}
	return command{}, false
}

// An unknownCommand is the name of a command that there is not.
type unknownCommand string

// Error says which command was probably meant.
func (e unknownCommand) Error() string {
	name := string(e)
	var names []string
	for _, cmd := range commands() {
		names = append(names, cmd.name)
	}
	text := fmt.Sprintf("%q is not a command", name)
	meant := config.Closest(name, names)
	for _, short := range names {
		if meant == "" && strings.HasPrefix(name, short) {
			// del for delete, incr for increment
			meant = short
		}
	}
	if meant != "" {
		text += "; did you mean " + meant + "?"
	}
	return text
}

// console is what a command reads and writes.
type console struct {
	in       io.Reader
	out, err io.Writer
	env      func(name string) (string, bool)
}

// flush waits for what is yet to be written to standard error, for a while.
func (c *console) flush() {
	if w, ok := c.err.(*asyncWriter); ok {
		w.flush(clock.New())
	}
}

// isTerminal reports whether w shows to a person.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// Exit codes, which scripts rely on.
const (
	exitDone     = 0
	exitNotFound = 1 // or found, where nothing was to be; or a case of conformance failed
	exitUsage    = 2
	exitFailed   = 3
)

// usageError says what is wrong with a command line.
type usageError string

func (e usageError) Error() string { return string(e) }

func run(ctx context.Context, c *console, args []string) int {
	defer c.flush()
	// with nothing but its flags
	name := "serve"
	if len(args) == 0 {
		name, args = "help", nil
	} else {
		switch first := args[0]; {
		case first == "--version":
			name, args = "version", args[1:]
		case first == "-h" || first == "--help":
			name, args = "help", args[1:]
		case !strings.HasPrefix(first, "-"):
			name, args = first, args[1:]
		}
	}
	cmd, ok := commandNamed(name)
	if !ok {
		return c.exit(cmd, unknownCommand(name))
	}
	return c.exit(cmd, interrupted(ctx, cmd.run(ctx, c, args)))
}

// interrupted makes an error that says that the command was cancelled say by what.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() == nil || !errors.Is(err, context.Canceled) {
		return err
	}
	return errors.New(strings.ReplaceAll(err.Error(), context.Canceled.Error(), context.Cause(ctx).Error()))
}

// advising adds to a text, which may be a question, which command to run.
func advising(text string) string {
	if strings.HasSuffix(text, "?") {
		return text + " Or run"
	}
	return text + "; run"
}

// exit reports how cmd ended, and translates it for the shell.
func (c *console) exit(cmd command, err error) int {
	var wrong usageError
	var unknown unknownCommand
	var problems config.Problems
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, pflag.ErrHelp):
		fmt.Fprint(c.out, cmd.help)
		return exitDone
	case errors.As(err, &unknown):
		fmt.Fprintf(c.err, "cryptomem: %s \"cryptomem help\" for a list\n", advising(unknown.Error()))
		return exitUsage
	case errors.As(err, &wrong):
		fmt.Fprintf(c.err, "cryptomem %s: %s \"cryptomem %s --help\" for its usage\n", cmd.name, advising(printable(err.Error())), cmd.name)
		return exitUsage
	case errors.As(err, &problems):
		for _, p := range problems {
			fmt.Fprintf(c.err, "cryptomem %s: %s\n", cmd.name, printable(p.Error()))
		}
		return exitUsage
	case isReaderGone(err):
		// as of "cryptomem stats --watch | head": nothing is wrong
		return exitFailed
	}
	fmt.Fprintf(c.err, "cryptomem %s: %s\n", cmd.name, printable(err.Error()))
	switch {
	case errors.As(err, new(configError)):
		return exitUsage
	case errors.Is(err, cryptomem.ErrNotFound), errors.Is(err, cryptomem.ErrExists), errors.As(err, new(nonconforming)):
		return exitNotFound
	}
	return exitFailed
}

// isReaderGone reports whether err says that standard output has no reader left.
func isReaderGone(err error) bool {
	var write *fs.PathError
	return errors.As(err, &write) && write.Path == os.Stdout.Name() && errors.Is(write, syscall.EPIPE)
}

// parse reads flags, which may stand before, between and behind the operands,
// and returns the operands.
func parse(fs *pflag.FlagSet, args []string) ([]string, error) {
	fs.Usage = func() {}
	fs.SetOutput(io.Discard)
	err := fs.Parse(args)
	var unknown *pflag.NotExistError
	var number *strconv.NumError
	switch {
	case err == nil || errors.Is(err, pflag.ErrHelp):
		return fs.Args(), err
	case errors.As(err, &unknown):
		name := unknown.GetSpecifiedName()
		if word := unknown.GetSpecifiedShortnames(); fs.Lookup(word) != nil {
			// one dash, as many a Go program takes it
			return nil, usageError(fmt.Sprintf("unknown flag: -%s; did you mean --%s?", word, word))
		}
		flag := variableFlags[name]
		if fs.Lookup(flag) == nil {
			flag = config.Meant(name, flagNames(fs))
		}
		if flag != "" {
			return nil, usageError(fmt.Sprintf("%v; did you mean --%s?", err, flag))
		}
		if fs.Lookup("config") != nil && isProxySetting(name) {
			return nil, usageError(fmt.Sprintf("%v; it is a setting of a proxy, so use \"cryptomem proxy\", or --proxy with config and doctor", err))
		}
	case errors.As(err, &number):
		return nil, usageError(strings.TrimSuffix(err.Error(), number.Error()) + whyNoNumber(number))
	}
	return nil, usageError(err.Error())
}

// isProxySetting reports whether a proxy has a flag of that name.
func isProxySetting(flag string) bool {
	return slices.ContainsFunc(config.ProxySettings(), func(s config.SettingOf[config.Proxy]) bool { return s.Flag() == flag })
}

// whyNoNumber says in a user's words why what a flag was given is not a number for it.
func whyNoNumber(err *strconv.NumError) string {
	switch {
	case errors.Is(err, strconv.ErrRange):
		return "it is out of range"
	case err.Func == "ParseFloat":
		return "it is not a number"
	}
	return "it is not a whole number"
}

func flagNames(fs *pflag.FlagSet) (names []string) {
	fs.VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return names
}
