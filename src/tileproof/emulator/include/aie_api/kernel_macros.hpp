// The words that tile code sprinkles over loops for Peano and chess. On the host they mean nothing.
// Parameter names are those of mlir-aie's aie_kernel_utils.h, because a file that defines them again, empty, must agree.
#pragma once

#include "core_state.hpp"

#ifndef restrict
#define restrict __restrict
#endif

#ifndef AIE_PREPARE_FOR_PIPELINING
#define AIE_PREPARE_FOR_PIPELINING
#endif
#ifndef AIE_LOOP_MIN_ITERATION_COUNT
#define AIE_LOOP_MIN_ITERATION_COUNT(x)
#endif
#ifndef AIE_LOOP_MAX_ITERATION_COUNT
#define AIE_LOOP_MAX_ITERATION_COUNT(x)
#endif
#ifndef AIE_LOOP_RANGE
#define AIE_LOOP_RANGE(a, ...)
#endif
#ifndef AIE_LOOP_UNROLL
#define AIE_LOOP_UNROLL(x)
#endif
#ifndef AIE_LOOP_UNROLL_FULL
#define AIE_LOOP_UNROLL_FULL
#endif
#ifndef AIE_LOOP_NO_UNROLL
#define AIE_LOOP_NO_UNROLL
#endif
#ifndef AIE_LOOP_FLATTEN
#define AIE_LOOP_FLATTEN
#endif
#ifndef AIE_NO_PREPARE_FOR_PIPELINING
#define AIE_NO_PREPARE_FOR_PIPELINING
#endif
#ifndef AIE_PREPARE_FOR_POSTPIPELINING
#define AIE_PREPARE_FOR_POSTPIPELINING
#endif
#ifndef AIE_MODULO_SCHEDULING_BUDGET_RATIO
#define AIE_MODULO_SCHEDULING_BUDGET_RATIO(x)
#endif
#ifndef AIE_KEEP_SW_LOOP
#define AIE_KEEP_SW_LOOP
#endif
#ifndef AIE_PEEL_PIPELINED_LOOP
#define AIE_PEEL_PIPELINED_LOOP(x)
#endif
#ifndef AIE_KEEP_FREE_FOR_PIPELINING
#define AIE_KEEP_FREE_FOR_PIPELINING(x)
#endif
#ifndef AIE_ALLOCATE
#define AIE_ALLOCATE(x)
#endif
#ifndef AIE_NO_HW_LOOP
#define AIE_NO_HW_LOOP
#endif
#ifndef AIE_TRY_INITIATION_INTERVAL
#define AIE_TRY_INITIATION_INTERVAL(x)
#endif

#define chess_prepare_for_pipelining
#define chess_loop_range(...)
#define chess_loop_count(...)
#define chess_unroll_loop(...)
#define chess_flatten_loop
#define chess_no_hw_loop
#define chess_keep_sw_loop
#define chess_modulo_scheduling_budget_ratio(...)
#define chess_peel_pipelined_loop(...)
#define chess_storage(...)
#define chess_copy(...) (__VA_ARGS__)
#define chess_const(...) (__VA_ARGS__)
#define chess_manifest(...) false  // whether the compiler knows it
#define chess_report(...)
#define chess_warning(...)
#define chess_protect_access
#define chess_memory_fence()
#define chess_separator(...)
#define chess_separator_scheduler(...)
#define chess_separator_scheduler_local(...)

// The compilers' own names for the modes, older than the API's.
inline void set_sat() { aie::set_saturation(aie::saturation_mode::saturate); }
inline void clr_sat() { aie::set_saturation(aie::saturation_mode::none); }
inline void set_rnd(unsigned mode) { aie::set_rounding(aie::rounding_mode(mode)); }
