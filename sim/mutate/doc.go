// Package mutate measures what the simulator and the specs would notice: it
// changes one small thing in the product, at a place that a seed decides, and checks
// which test fails. The authors of the oracles chose the planted bugs (package
// plant); mutants are chosen at random.
//
//	cache/shard.go:212 shard.take: comparison
//	-	if now < e.expiry {
//	+	if now <= e.expiry {
//
// [Load] reads packages with their types, [Package.Mutants] lists every mutant
// there is in them, and [Draw] puts these in the order of a seed. What the
// compiler refuses is not drawn ([Package.Compiles]).
//
// A [Trial] builds by way of the compiler's -overlay flag, so the product's files
// stay as they are. It shows a mutant to the simulator first and then to the
// specs that call its function. All mutants are in the same programs, which are built
// once, and an environment variable activates one; only one that survived is built alone, and so is one outside of
// functions. A mutant that the compiler turns into the same program is
// set aside as equivalent (Papadakis and others, ICSE 2015). Others that change
// nothing a user could see are listed in equivalents.txt, each with the reason.
//
// The operators are those that were found sufficient (Offutt and others, TOSEM
// 1996), with dropped statements, which stand for most bugs that people make.
package mutate
