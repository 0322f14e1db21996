package proxy

import (
	"slices"
	"strings"

	"github.com/Zezezknight/cryptomem/cryptomem/proxy/command"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/resp"
)

func commandCount(s *Session, _ [][]byte) { s.out = resp.AppendInt(s.out, int64(len(command.Table))) }

func commandAll(s *Session, _ [][]byte) {
	all := command.All()
	s.out = resp.AppendArray(s.out, len(all))
	for _, c := range all {
		s.appendCommand(c)
	}
}

func commandInfo(s *Session, args [][]byte) {
	if len(args) == 2 {
		commandAll(s, nil)
		return
	}
	s.out = resp.AppendArray(s.out, len(args)-2)
	for _, name := range args[2:] {
		if c := command.Find(name); c != nil {
			s.appendCommand(c)
		} else {
			s.out = s.version.AppendNullArray(s.out)
		}
	}
}

// appendCommand appends what COMMAND tells of one command: name, arity, flags,
// keys, access categories, and no tips, key specifications or subcommands.
func (s *Session) appendCommand(c *command.Command) {
	names := []struct {
		flag command.Flags
		name string
	}{{command.Write, "write"}, {command.ReadOnly, "readonly"}, {command.NoScript, "noscript"}, {command.Fast, "fast"}, {command.NoAuth, "no_auth"}}
	var flags []string
	for _, n := range names {
		if c.Flags&n.flag != 0 {
			flags = append(flags, n.name)
		}
	}
	speed := "@slow"
	if c.Flags&command.Fast != 0 {
		speed = "@fast"
	}
	const fields = 10
	s.out = resp.AppendArray(s.out, fields)
	s.out = resp.AppendBulk(s.out, c.Name)
	s.out = resp.AppendInt(s.out, int64(c.Arity))
	s.appendStatuses(flags)
	s.out = resp.AppendInt(s.out, int64(c.FirstKey))
	s.out = resp.AppendInt(s.out, int64(c.LastKey))
	s.out = resp.AppendInt(s.out, int64(c.KeyStep))
	s.appendStatuses([]string{speed})
	s.out = resp.AppendArray(s.out, 0)
	s.out = resp.AppendArray(s.out, 0)
	s.out = resp.AppendArray(s.out, 0)
}

func (s *Session) appendStatuses(texts []string) {
	s.out = s.version.AppendSet(s.out, len(texts))
	for _, t := range texts {
		s.out = resp.AppendSimple(s.out, t)
	}
}

func commandDocs(s *Session, args [][]byte) {
	var found []*command.Command
	if len(args) == 2 {
		found = command.All()
	}
	for _, name := range args[2:] {
		if c := command.Find(name); c != nil {
			found = append(found, c)
		}
	}
	s.out = s.version.AppendMap(s.out, len(found))
	for _, c := range found {
		s.out = resp.AppendBulk(s.out, c.Name)
		s.out = s.version.AppendMap(s.out, 2)
		s.out = resp.AppendBulk(resp.AppendBulk(s.out, "summary"), c.Differs)
		s.out = resp.AppendBulk(resp.AppendBulk(s.out, "group"), strings.ToLower(string(c.Group)))
	}
}

func commandList(s *Session, args [][]byte) {
	wanted := func(*command.Command) bool { return true }
	switch {
	case len(args) == 2:
	case len(args) == 5 && command.Is(args[2], "FILTERBY") && command.Is(args[3], "PATTERN"):
		wanted = func(c *command.Command) bool { return command.Match(args[4], []byte(c.Name)) }
	case len(args) == 5 && command.Is(args[2], "FILTERBY") && (command.Is(args[3], "MODULE") || command.Is(args[3], "ACLCAT")):
		wanted = func(*command.Command) bool { return false }
	default:
		s.reply("-ERR syntax error")
		return
	}
	found := slices.DeleteFunc(command.All(), func(c *command.Command) bool { return !wanted(c) })
	s.out = s.version.AppendSet(s.out, len(found))
	for _, c := range found {
		s.out = resp.AppendBulk(s.out, c.Name)
	}
}
