#include "textflag.h"

// func prefetch(at []*byte, lines int)
TEXT ·prefetch(SB), NOSPLIT, $0-32
	MOVD at_base+0(FP), R0
	MOVD at_len+8(FP), R1
	MOVD lines+24(FP), R2
	LSL  $6, R2
	MOVD ZR, R3 // offset of the line

line:
	CMP  R2, R3
	BGE  done
	MOVD ZR, R4

next:
	CMP  R1, R4
	BGE  fetched
	MOVD (R0)(R4<<3), R5
	ADD  R3, R5
	PRFM (R5), PLDL1KEEP
	ADD  $1, R4
	B    next

fetched:
	ADD $64, R3
	B   line

done:
	RET
