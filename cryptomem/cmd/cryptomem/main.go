// Command cryptomem is the server, its command line client and its tools in one
// binary:
//
//	go install github.com/Zezezknight/cryptomem/cryptomem/cmd/cryptomem@latest
//	cryptomem --help
package main

import (
	"os"

	"github.com/Zezezknight/cryptomem/cryptomem/cli"
)

func main() { os.Exit(cli.Main()) }
