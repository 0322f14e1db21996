// Package cli is the commands of the binary cryptomem: the server, its command
// line client and its tools. Two mains run it, cryptomem/cmd and
// cryptomem/cmd/cryptomem.
//
//	cryptomem serve                    the server, on localhost:8080
//	cryptomem set greeting hello       seal a value and store it
//	cryptomem get greeting             fetch it and open it
//
// Every command is one file and one row of the table in command.go. What a
// command prints on standard output is its result and nothing else; what it has
// to say about itself goes to standard error. Exit codes: 0 done, 1 not found,
// or a case of conformance failed, 2 the command line or the configuration is wrong,
// 3 anything else failed.
package cli

import (
	"context"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// Main runs the command that the process was started with, or the given one where it
// was started with no argument at all, and returns its exit code.
func Main(otherwise ...string) int {
	// A write to a pipe without a reader is to fail as any other write does, and
	// not to end the process: of a server that would be its store.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal asks for an end; a second one, with the handler gone,
	// enforces it.
	context.AfterFunc(ctx, stop)
	args := os.Args[1:]
	if len(args) == 0 {
		args = otherwise
	}
	return run(ctx, &console{in: os.Stdin, out: os.Stdout, err: newAsyncWriter(os.Stderr), env: variable}, args)
}

// variable looks up an environment variable. Who fills one from a file, or a
// secret, often brings the end of the line along; only a sealing key may end in it.
func variable(name string) (string, bool) {
	value, ok := os.LookupEnv(name)
	if name != "CRYPTOMEM_KEY" {
		value = strings.TrimRight(value, "\r\n")
	}
	return value, ok
}
