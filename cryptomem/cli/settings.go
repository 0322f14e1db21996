package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/Zezezknight/cryptomem/cryptomem/server/config"
)

// settingFlag keeps a setting's flag as text, for the configuration to judge
// together with all other sources.
type settingFlag struct {
	setting config.Setting
	text    string
}

func (f *settingFlag) Set(text string) error { f.text = text; return nil }
func (f *settingFlag) String() string        { return f.text }
func (f *settingFlag) Type() string          { return f.setting.Kind() }

// loadConfig reads the server's configuration with a flag for every setting,
// beside those that the command has of its own.
func loadConfig(c *console, fs *pflag.FlagSet, args []string) (*config.Config, error) {
	file := fs.String("config", "", "")
	for _, s := range config.Settings() {
		f := fs.VarPF(&settingFlag{setting: s}, s.Flag(), "", "")
		if s.Kind() == "switch" {
			f.NoOptDefVal = "true"
		}
	}
	operands, err := parse(fs, args)
	if err != nil {
		return nil, err
	}
	if len(operands) > 0 {
		return nil, usageError(fmt.Sprintf("unexpected %q", operands[0]))
	}
	if *file == "" {
		*file, _ = c.env("CRYPTOMEM_CONFIG")
	}
	given := make(map[string]string)
	fs.Visit(func(f *pflag.Flag) {
		if s, ok := f.Value.(*settingFlag); ok {
			given[f.Name] = s.text
		}
	})
	cfg, err := config.Load(config.Sources{File: *file, Env: c.env, Flags: given})
	var problems config.Problems
	if err != nil && !errors.As(err, &problems) {
		err = unreadableConfig{err}
	}
	return cfg, err
}

// unreadableConfig says why there is no configuration to judge.
type unreadableConfig struct{ error }

func (e unreadableConfig) Unwrap() error { return e.error }

// settingsHelp lists the flags that loadConfig understands.
func settingsHelp() string {
	var b strings.Builder
	for _, s := range config.Settings() {
		form := "--" + s.Flag() + " " + strings.ToUpper(s.Kind())
		if s.Kind() == "switch" {
			form = "--" + s.Flag() + "[=SWITCH]" // alone it means true, so its value cannot be a word of its own
		}
		fmt.Fprintf(&b, "    %s (default %s)\n        %s\n", form, s.Default, wrap(s.Doc, 70, "\n        "))
	}
	return b.String()
}

// wrap breaks text into lines of at most width letters.
func wrap(text string, width int, newline string) string {
	var b strings.Builder
	column := 0
	for i, word := range strings.Fields(text) {
		switch {
		case i == 0:
		case column+1+len(word) > width:
			b.WriteString(newline)
			column = 0
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}
