// Package script runs Lua scripts as Redis 7.0 runs them: what EVAL sends, over
// any set of commands.
//
//	engine := script.New(script.Limits{})
//	s, err := engine.Load([]byte(`return redis.call("GET", KEYS[1])`))
//	...
//	reply, err := s.Run(ctx, &script.Run{Keys: keys, Args: args, Call: session.command})
//
// The machine is gopher-lua, without its libraries and its parser: both differ
// from the Lua 5.1 inside Redis in ways that scripts see. A script takes this
// way:
//
//	source → lexer, parser → gopher-lua's tree → its compiler → its machine
//	                                                  ↑
//	        libraries (string, cjson, redis ...), operators, limits, errors
//
// The parser writes calls of operators into the tree wherever the machine would
// do otherwise than Lua: numbers joined to strings, %, ^, #, writes to tables.
// Errors of the machine are put into Lua's words; the parser keeps for each
// place in the source what Lua would call the values there.
//
// What a script can take is bounded: instructions, memory, depth. What it
// exceeds ends it, whatever it catches. Nothing that it does to the machine
// outlives it.
//
// # Differences from Redis
//
//   - The order of pairs is that of Lua, replayed from the order in which the
//     keys came; it may be another where keys were removed and others added, or
//     indexes and other keys came in turns.
//   - The length of an array with holes in it may be another of its borders.
//   - string.dump is refused, settings of cjson end with the script, and memory
//     that collectgarbage tells is made up.
//   - An array that a script writes far behind its end costs the memory of the
//     hole.
package script
