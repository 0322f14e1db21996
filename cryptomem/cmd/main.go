// Command cmd starts a cryptomem server from a clone of the repository:
//
//	go run ./cryptomem/cmd
//
// With arguments, it is the command cryptomem.
// To install the binary under its own name, see cryptomem/cmd/cryptomem.
package main

import (
	"os"

	"github.com/Zezezknight/cryptomem/cryptomem/cli"
)

func main() { os.Exit(cli.Main("serve")) }
