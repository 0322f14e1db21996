#include "textflag.h"

// func prefetch(at []*byte, lines int)
TEXT ·prefetch(SB), NOSPLIT, $0-32
	MOVQ at_base+0(FP), SI
	MOVQ at_len+8(FP), CX
	MOVQ lines+24(FP), DX
	SHLQ $6, DX
	XORQ AX, AX // offset of the line

line:
	CMPQ AX, DX
	JGE  done
	XORQ BX, BX

next:
	CMPQ BX, CX
	JGE  fetched
	MOVQ (SI)(BX*8), DI
	PREFETCHT0 (DI)(AX*1)
	INCQ BX
	JMP  next

fetched:
	ADDQ $64, AX
	JMP  line

done:
	RET
