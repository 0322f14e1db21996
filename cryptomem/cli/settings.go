package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/Zezezknight/cryptomem/cryptomem/server/config"
)

// settingFlag keeps a setting's flag as text, for the configuration to judge
// together with all other sources.
type settingFlag struct{ kind, text string }

func (f *settingFlag) Set(text string) error { f.text = text; return nil }
func (f *settingFlag) String() string        { return f.text }
func (f *settingFlag) Type() string          { return f.kind }

// loadConfig reads the server's configuration with a flag for every setting,
// beside those that the command has of its own.
func loadConfig(c *console, fs *pflag.FlagSet, args []string) (*config.Config, error) {
	src, err := sources(c, fs, args, config.Settings(), "CRYPTOMEM_CONFIG")
	if err != nil {
		return nil, err
	}
	cfg, err := config.Load(src)
	return cfg, judged(err)
}

// loadProxyConfig is loadConfig for the proxy.
func loadProxyConfig(c *console, fs *pflag.FlagSet, args []string) (*config.Proxy, error) {
	src, err := sources(c, fs, args, config.ProxySettings(), "CRYPTOMEM_PROXY_CONFIG")
	if err != nil {
		return nil, err
	}
	cfg, err := config.LoadProxy(src)
	return cfg, judged(err)
}

// sources says where the settings come from. The variable names the file.
func sources[C any](c *console, fs *pflag.FlagSet, args []string, settings []config.SettingOf[C], variable string) (config.Sources, error) {
	file := fs.String("config", "", "")
	for _, s := range settings {
		f := fs.VarPF(&settingFlag{kind: s.Kind()}, s.Flag(), "", "")
		if s.Kind() == "switch" {
			f.NoOptDefVal = "true"
		}
	}
	operands, err := parse(fs, args)
	if err != nil {
		return config.Sources{}, err
	}
	if len(operands) > 0 {
		return config.Sources{}, unexpected(fs, args, operands[0])
	}
	if *file == "" {
		*file, _ = c.env(variable)
	}
	given := make(map[string]string)
	fs.Visit(func(f *pflag.Flag) {
		if s, ok := f.Value.(*settingFlag); ok {
			given[f.Name] = s.text
		}
	})
	return config.Sources{File: *file, Env: c.env, Flags: given}, nil
}

// unexpected refuses an operand. Behind a switch, it was probably meant for that.
func unexpected(fs *pflag.FlagSet, args []string, operand string) error {
	text := fmt.Sprintf("unexpected %q", operand)
	if i := slices.Index(args, operand); i > 0 {
		flag := fs.Lookup(strings.TrimPrefix(args[i-1], "--"))
		if flag != nil && flag.NoOptDefVal != "" {
			text += fmt.Sprintf("; did you mean --%s=%s?", flag.Name, operand)
		}
	}
	return usageError(text)
}

// judged distinguishes a wrong configuration from a missing one.
func judged(err error) error {
	var problems config.Problems
	if err != nil && !errors.As(err, &problems) {
		return configError{err}
	}
	return err
}

// A configError is a configuration that cannot be used: a flag, a variable, or a
// file that one of them names. Nothing has been asked of a server yet.
type configError struct{ error }

func (e configError) Unwrap() error { return e.error }

// settingsHelp lists the flags of the settings.
func settingsHelp[C any](settings []config.SettingOf[C]) string {
	var b strings.Builder
	for _, s := range settings {
		form := "--" + s.Flag() + " " + strings.ToUpper(s.Kind())
		if s.Kind() == "switch" {
			// alone it means true, so its value cannot be a word of its own
			form = "--" + s.Flag() + "[=SWITCH]"
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
