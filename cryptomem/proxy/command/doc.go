// Package command is what each Redis command does to the values under its
// names, as Redis 7.0 does it: the same replies, error texts, ranges and
// edge cases.
//
// Nothing here does I/O. The caller of a command has loaded the entries of its
// names into a [Context]; the command appends its reply and changes the entries;
// what is marked as changed is then to be stored. So one command is run directly,
// together with others that wait for the same name, in a transaction or by a
// script, and is always the same few lines.
//
// The [Table] has every command that is spoken, those that concern the connection
// or the server included; these have no Run, for a session carries them out.
package command
