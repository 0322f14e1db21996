package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
)

// parseFlags parses a command line. The error is for its caller to print.
func parseFlags(set *pflag.FlagSet, args []string) error {
	set.SetOutput(io.Discard)
	err := set.Parse(args)
	var number *strconv.NumError
	switch {
	case err == nil || errors.Is(err, pflag.ErrHelp):
		return err
	case errors.As(err, &number):
		why := "it is not a whole number"
		if errors.Is(err, strconv.ErrRange) {
			why = "it is out of range"
		}
		err = errors.New(strings.TrimSuffix(err.Error(), number.Error()) + why)
	}
	return misuse(strings.Replace(err.Error(), ": time: ", ": ", 1))
}

// unexpected refuses an argument that is not a flag.
func unexpected(arg string) error { return misuse(fmt.Sprintf("unexpected %q", arg)) }

func misuse(problem string) error { return errors.New(problem + "; run it with --help for its usage") }
