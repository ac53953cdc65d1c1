// What the real API has and this one does not: every name is here, and using it is an error that says so.
#pragma once

#include "accum.hpp"

// Not for plain numbers: where a kernel says `using namespace aie`, its own sin(x) is the host's.
#define TILEPROOF_REFUSED(NAME, WHY)                                            \
    template <auto... Values, typename... A>                                    \
        requires(sizeof...(A) == 0 || !(std::is_arithmetic_v<A> && ...))        \
    void NAME(const A &...) {                                                   \
        static_assert(aie::detail::always_false<A...>, "aie::" #NAME ": " WHY); \
    }                                                                           \
    template <typename T, auto... Values, typename... A>                        \
    void NAME(const A &...) {                                                   \
        static_assert(aie::detail::always_false<T>, "aie::" #NAME ": " WHY);    \
    }

namespace aie {

TILEPROOF_REFUSED(max_cmp, "its mask is not documented; use aie::lt and aie::select")
TILEPROOF_REFUSED(min_cmp, "its mask is not documented; use aie::lt and aie::select")
TILEPROOF_REFUSED(sin, "AIE2 and AIE2P have none; only the first AIE has")
TILEPROOF_REFUSED(cos, "AIE2 and AIE2P have none; only the first AIE has")
TILEPROOF_REFUSED(sincos, "AIE2 and AIE2P have none; only the first AIE has")
TILEPROOF_REFUSED(div, "floating point division is not modelled; use aie::inv")
TILEPROOF_REFUSED(conj, "complex numbers are not modelled")
TILEPROOF_REFUSED(real, "complex numbers are not modelled")
TILEPROOF_REFUSED(imag, "complex numbers are not modelled")
TILEPROOF_REFUSED(abs_square, "complex numbers are not modelled")
TILEPROOF_REFUSED(mul_abs_square, "complex numbers are not modelled")
TILEPROOF_REFUSED(to_fixed_complex, "complex numbers are not modelled")
TILEPROOF_REFUSED(interleave_butterfly, "it is not modelled; use aie::interleave_zip and aie::select")
TILEPROOF_REFUSED(sliding_mul_sym, "symmetric filters are not modelled; use aie::sliding_mul")
TILEPROOF_REFUSED(sliding_mac_sym, "symmetric filters are not modelled; use aie::sliding_mac")
TILEPROOF_REFUSED(sliding_mul_antisym, "symmetric filters are not modelled; use aie::sliding_mul")
TILEPROOF_REFUSED(sliding_mul_sym_uct, "symmetric filters are not modelled; use aie::sliding_mul")
TILEPROOF_REFUSED(sliding_mul_ch, "filters of several channels are not modelled; use aie::sliding_mul")
TILEPROOF_REFUSED(sliding_mac_ch, "filters of several channels are not modelled; use aie::sliding_mac")
TILEPROOF_REFUSED(fft_dit_r2_stage, "the FFT is not modelled")
TILEPROOF_REFUSED(fft_dit_r3_stage, "the FFT is not modelled")
TILEPROOF_REFUSED(fft_dit_r4_stage, "the FFT is not modelled")
TILEPROOF_REFUSED(fft_dit_r5_stage, "the FFT is not modelled")
TILEPROOF_REFUSED(op_add, "operation modifiers are not modelled; use aie::mac")
TILEPROOF_REFUSED(op_sub, "operation modifiers are not modelled; use aie::msc")
TILEPROOF_REFUSED(op_none, "operation modifiers are not modelled; pass the argument itself")
TILEPROOF_REFUSED(op_neg, "operation modifiers are not modelled; use aie::neg")
TILEPROOF_REFUSED(op_abs, "operation modifiers are not modelled; use aie::abs")
TILEPROOF_REFUSED(op_conj, "complex numbers are not modelled")
TILEPROOF_REFUSED(op_min, "operation modifiers are not modelled; use aie::min")
TILEPROOF_REFUSED(op_max, "operation modifiers are not modelled; use aie::max")
TILEPROOF_REFUSED(op_sign, "operation modifiers are not modelled; cast the vector to its signed or unsigned type")
TILEPROOF_REFUSED(op_zero, "operation modifiers are not modelled; use aie::zeros")
TILEPROOF_REFUSED(op_transpose, "operation modifiers are not modelled; use aie::transpose")
TILEPROOF_REFUSED(begin_pattern, "pattern iterators are not modelled")
TILEPROOF_REFUSED(make_tensor_descriptor, "tensor descriptors are not modelled; use iterators and aie::load_v")
TILEPROOF_REFUSED(make_tensor_buffer_stream, "tensor buffer streams are not modelled; use iterators and aie::load_v")
TILEPROOF_REFUSED(begin_vector_input_buffer_stream, "buffer streams are not modelled; use aie::begin_vector")

template <typename T, unsigned Elems>
class sparse_vector {
    static_assert(detail::always_false<T>, "tileproof's aie_api has no sparse vectors: aie::sparse_vector");
};

}  // namespace aie
#undef TILEPROOF_REFUSED

// --- what waits, and cannot here; locks.hpp, streams.hpp and cascade.hpp have the rest

#define TILEPROOF_REFUSED(NAME, WHY)                                              \
    template <typename... A>                                                      \
    int NAME(const A &...) {                                                      \
        static_assert(aie::detail::always_false<A...>, #NAME ": " WHY);           \
        return 0;                                                                 \
    }
#define TILEPROOF_ADF "a design in MLIR hands no stream of the ADF to a tile function; use get_ss, put_ms, get_scd_..., put_mcd"
#define TILEPROOF_TLAST "the end of a packet is not modelled; count the words instead of asking for tlast"
#define TILEPROOF_EXPANDED "a cascade that expands is not modelled; get the whole and take its lanes"

TILEPROOF_REFUSED(acquire, "it is of the first AIE; use acquire_equal or acquire_greater_equal")
TILEPROOF_REFUSED(done, "a core that is switched off inside a call is not modelled; return")
TILEPROOF_REFUSED(get_ss, TILEPROOF_TLAST)
TILEPROOF_REFUSED(get_ss_int, TILEPROOF_TLAST)
TILEPROOF_REFUSED(get_ss_uint, TILEPROOF_TLAST)
TILEPROOF_REFUSED(get_ss_float, TILEPROOF_TLAST)
TILEPROOF_REFUSED(get_ss_nb, TILEPROOF_TLAST)
TILEPROOF_REFUSED(put_ms_packet_header, "packet headers from a core are not modelled; use a circuit")
TILEPROOF_REFUSED(put_ms_nb_packet_header, "packet headers from a core are not modelled; use a circuit")
TILEPROOF_REFUSED(put_ms_ctrl_packet_header, "control packets are not modelled; let the runtime sequence write")
TILEPROOF_REFUSED(put_ms_nb_ctrl_packet_header, "control packets are not modelled; let the runtime sequence write")
TILEPROOF_REFUSED(readincr, TILEPROOF_ADF)
TILEPROOF_REFUSED(writeincr, TILEPROOF_ADF)
TILEPROOF_REFUSED(get_scd_v32acc32_lo, TILEPROOF_EXPANDED)
TILEPROOF_REFUSED(get_scd_v32acc32_hi, TILEPROOF_EXPANDED)
TILEPROOF_REFUSED(get_scd_v16acc64_lo, TILEPROOF_EXPANDED)
TILEPROOF_REFUSED(get_scd_v16acc64_hi, TILEPROOF_EXPANDED)
#if __AIE_ARCH__ == 20
TILEPROOF_REFUSED(get_scd, "npu1 (AIE2) has it by the name of what it gets: get_scd_v16acc32, get_scd_v16int32, ...")
#endif
#undef TILEPROOF_REFUSED
