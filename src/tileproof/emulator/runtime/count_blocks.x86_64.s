# A block's counter: the next eight bytes of the section that tileproof_checks.cc knows the begin and the end of. It stands
# where the compiler calls __sanitizer_cov_trace_pc, so that no flag is alive.
.macro tileproof_count
.pushsection tileproof_blocks, "aw", @nobits
.balign 8
.Ltileproof_block_\@:
.skip 8
.popsection
incq .Ltileproof_block_\@(%rip)
.endm
# The same where the compiler jumps there, as the last thing of a function.
.macro tileproof_count_last
tileproof_count
ret
.endm
