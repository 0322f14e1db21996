package cli

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/Zezezknight/cryptomem/cryptomem/server/config"
)

const completionUsage = `Usage:
    cryptomem completion bash
    cryptomem completion zsh
    cryptomem completion fish
    cryptomem completion words [WORD]...

Prints a script that makes a shell complete commands and flags. Load it in the
shell's start file, or save it where the shell looks for completions.

The script asks the binary, so it stays up to date: "words" prints the possible
completions of the last WORD, one a line, with their meaning after a tab. If
there are none, shells complete file names.

Example:
    $ echo 'source <(cryptomem completion bash)' >> ~/.bashrc
    $ echo 'source <(cryptomem completion zsh)' >> ~/.zshrc
    $ cryptomem completion fish > ~/.config/fish/completions/cryptomem.fish
    $ cryptomem completion words ke
    keys	Prints the keys of the namespace that begin with PREFIX ...
    keygen	Makes the key that values are sealed with and writes it ...
`

// completionScripts call "completion words" with what stands before the cursor.
var completionScripts = map[string]string{
	"bash": `# Completion of cryptomem for bash.
_cryptomem() {
    local IFS=$'\n'
    COMPREPLY=($("$1" completion words "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | cut -f 1))
}
complete -o default -F _cryptomem cryptomem
`,
	"zsh": `#compdef cryptomem
# Completion of cryptomem for zsh.
_cryptomem() {
    local -a found
    found=("${(@f)$("${words[1]}" completion words "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    if [[ -z ${found[1]} ]]; then
        _files
        return
    fi
    found=("${found[@]/$'\t'/:}") # as _describe wants them
    _describe cryptomem found
}
if [[ ${funcstack[1]} == _cryptomem ]]; then
    _cryptomem "$@" # the shell loaded this file to complete with it
else
    (( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
    compdef _cryptomem cryptomem
fi
`,
	"fish": `# Completion of cryptomem for fish.
function __cryptomem_complete
    set -l words (commandline -opc)
    set -l last (commandline -ct)
    set -l found ($words[1] completion words $words[2..-1] "$last" 2>/dev/null)
    if test (count $found) -gt 0
        printf '%s\n' $found
    else
        __fish_complete_path "$last"
    end
end
complete -c cryptomem -f -a '(__cryptomem_complete)'
`,
}

func completion(_ context.Context, c *console, args []string) error {
	if len(args) > 0 && args[0] == "words" { // whose words are not flags of its own
		writeCandidates(c.out, args[1:])
		return nil
	}
	operands, err := parse(pflag.NewFlagSet("completion", pflag.ContinueOnError), args)
	switch {
	case err != nil:
		return err
	case len(operands) == 0:
		return usageError("SHELL is missing; there are bash, zsh and fish")
	case len(operands) > 1:
		return usageError(fmt.Sprintf("unexpected %q", operands[1]))
	}
	script, ok := completionScripts[operands[0]]
	if !ok {
		return usageError(fmt.Sprintf("%q is not one of bash, zsh, fish", operands[0]))
	}
	_, err = fmt.Fprint(c.out, script)
	return err
}

// A candidate is what a word may become, and what that means.
type candidate struct{ word, text string }

// maxMeaning bounds what is said about a candidate, in letters: a line of a menu.
const maxMeaning = 60

func writeCandidates(out io.Writer, words []string) {
	for _, found := range candidates(words) {
		text := found.text
		if len(text) > maxMeaning {
			text = strings.TrimRight(text[:strings.LastIndexByte(text[:maxMeaning-3], ' ')], ",;:") + " ..."
		}
		fmt.Fprintf(out, "%s\t%s\n", found.word, text)
	}
}

// candidates returns what the last of the words behind "cryptomem" may become:
// nothing where it is free.
func candidates(words []string) (found []candidate) {
	if len(words) == 0 {
		words = []string{""}
	}
	cmd, last, before := completed(words)
	var all []candidate
	switch o, isOption := cmd.option(before); {
	case isOption && o.argument != "" && !o.optional:
		all = values(o)
	case strings.HasPrefix(last, "-"):
		all = cmd.flagCandidates()
	case len(words) == 1, cmd.name == "help" && before == "help":
		all = commandCandidates()
	case before == cmd.name:
		for _, word := range cmd.operands() {
			all = append(all, candidate{word: word})
		}
	}
	return slices.DeleteFunc(all, func(c candidate) bool { return !strings.HasPrefix(c.word, last) })
}

// completed returns the command that the words are about, the word to complete and
// the one before it.
func completed(words []string) (cmd command, last, before string) {
	last = words[len(words)-1]
	// with nothing but its flags
	name := "serve"
	if len(words) > 1 {
		before = words[len(words)-2]
		if !strings.HasPrefix(words[0], "-") {
			name = words[0]
		}
	}
	cmd, _ = commandNamed(name)
	return cmd, last, before
}

// allOptions are the options of a command's help, and the settings' where it takes
// them as serve and proxy do.
func (cmd command) allOptions() []option {
	all := options(cmd.help)
	if strings.Contains(cmd.help, "--SETTING") {
		all = append(all, options(serveUsage)...)
		if strings.Contains(cmd.help, "--proxy") {
			all = append(all, options(proxyUsage)...)
		}
	}
	return all
}

// option returns the option that a word is.
func (cmd command) option(word string) (option, bool) {
	for _, o := range cmd.allOptions() {
		if word == "--"+o.name || o.short != "" && word == "-"+o.short {
			return o, true
		}
	}
	return option{}, false
}

var defaultValue = regexp.MustCompile(`^\(default[^)]*\) ?`)

func (cmd command) flagCandidates() (all []candidate) {
	for _, o := range append(cmd.allOptions(), option{name: "help", text: "Explains the command."}) {
		word := "--" + o.name
		if !slices.ContainsFunc(all, func(c candidate) bool { return c.word == word }) {
			all = append(all, candidate{word, firstSentence(defaultValue.ReplaceAllString(o.text, ""))})
		}
	}
	return all
}

func commandCandidates() (all []candidate) {
	for _, cmd := range commands() {
		all = append(all, candidate{cmd.name, cmd.summary()})
	}
	return all
}

// values are what an option takes, where that is one of a few words.
func values(o option) (all []candidate) {
	for _, word := range append(choices(config.Settings(), o.name), choices(config.ProxySettings(), o.name)...) {
		if found := (candidate{word: word}); !slices.Contains(all, found) {
			all = append(all, found)
		}
	}
	return all
}

// choices are the words that a setting takes, none for one that takes others.
func choices[C any](settings []config.SettingOf[C], flag string) []string {
	for _, s := range settings {
		if s.Flag() == flag && s.Kind() == "choice" {
			return strings.Split(strings.ReplaceAll(s.Allowed(), " or ", ", "), ", ")
		}
	}
	return nil
}
