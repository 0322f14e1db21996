package cli

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/pflag"
)

const helpUsage = `Usage:
    cryptomem help [COMMAND]
    cryptomem help --man

Explains a command, as "cryptomem COMMAND --help" does, or lists all commands.

    --man                print the same texts as a man page

Example:
    $ cryptomem help get
    $ cryptomem help --man > ~/.local/share/man/man1/cryptomem.1
    $ man cryptomem
`

func help(_ context.Context, c *console, args []string) error {
	fs := pflag.NewFlagSet("help", pflag.ContinueOnError)
	man := fs.Bool("man", false, "")
	names, err := parse(fs, args)
	switch {
	case err != nil:
		return err
	case len(names) > 1:
		return usageError(fmt.Sprintf("unexpected %q", names[1]))
	case *man && len(names) > 0:
		return usageError("--man is about all commands, and takes none")
	}
	text := usage
	if *man {
		text = manPage()
	}
	if len(names) == 1 {
		cmd, ok := commandNamed(names[0])
		if !ok {
			return unknownCommand(names[0])
		}
		text = cmd.help
	}
	_, err = fmt.Fprint(c.out, text)
	return err
}

// summary is the first sentence of a command's help, without its full stop.
func (cmd command) summary() string {
	_, text, _ := strings.Cut(cmd.help, "\n\n")
	return firstSentence(text)
}

// operands are the words that the usage lines of a command begin with, as "list"
// of "cryptomem keygen list".
func (cmd command) operands() (words []string) {
	text, _, _ := strings.Cut(cmd.help, "\n\n")
	for _, m := range regexp.MustCompile(`(?m)^    cryptomem `+cmd.name+` ([a-z]+)\b`).FindAllStringSubmatch(text, -1) {
		words = append(words, m[1])
	}
	return words
}

// An option is a flag as a help text explains it.
type option struct {
	// short is its letter, empty if it has none.
	short string
	name  string
	// What its value is, as FILE; empty if it takes none.
	argument string
	// Whether the value can be left out.
	optional bool
	text     string
}

// form is how the option is written on a command line.
func (o option) form() string {
	switch {
	case o.optional:
		return "--" + o.name + "[=" + o.argument + "]"
	case o.argument != "":
		return "--" + o.name + " " + o.argument
	}
	return "--" + o.name
}

var optionLine = regexp.MustCompile(`^ {4}(?:-(\w), )?--([a-z-]+)(?:(\[=)([A-Z]+)\])?(?: ([A-Z]+)\b)?\s*(.*)$`)

// parseOption reads the first line of an option in a help text.
func parseOption(line string) (o option, ok bool) {
	m := optionLine.FindStringSubmatch(line)
	if m == nil {
		return o, false
	}
	return option{short: m[1], name: m[2], optional: m[3] != "", argument: m[4] + m[5], text: m[6]}, true
}

// isContinuation reports whether a line goes on with the text of an option.
func isContinuation(line string) bool { return strings.HasPrefix(line, "        ") }

// options lists what a help text explains.
func options(help string) (all []option) {
	inside := false
	for line := range strings.Lines(help) {
		line = strings.TrimRight(line, "\n")
		if o, ok := parseOption(line); ok {
			all, inside = append(all, o), true
			continue
		}
		if inside = inside && isContinuation(line); inside {
			last := &all[len(all)-1]
			last.text = strings.TrimSpace(last.text + " " + strings.TrimSpace(line))
		}
	}
	return all
}

// firstSentence returns the beginning of a text up to its first full stop.
func firstSentence(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	sentence, _, _ := strings.Cut(text, ". ")
	return strings.TrimSuffix(sentence, ".")
}
