// 400 int16 samples to int8 log-mel bands of half a decibel. README.md has the drawing, integer.py the formulas.
//
// n = 16 b + a and k = 25 c +- d. Every sum is an aie::mmul of int32 data (A) and an int16 table (B), in shapes that AIE2
// and AIE2P both have: 4x4x8 and 2x4x8. Every intermediate fits an int32; the bound stands where it is made.

#include <aie_api/aie.hpp>
#include <stdint.h>

#include "constants.hpp"

namespace {

// A core's stack is small, so a step reads one buffer, writes another, and never holds more than a few vectors. It stays a
// call of its own, so that the stack frames of two steps never add up; what it is made of goes into it.
#define STEP __attribute__((noinline))
#define PART __attribute__((always_inline)) inline

constexpr int row_tiles = whole_rows / 4;

using Words = aie::vector<int32, 16>;
using Block = aie::vector<int32, 32>;  // a C of 4x4x8: 4 rows of 8 lanes

// 25 rows of 16 samples under the window, |value| <= 2**23, and three rows of zeros that make whole tiles of them.
STEP void window(const int16_t *__restrict samples, int32_t *__restrict rows_out) {
    for (int b = 0; b < rows; ++b) {
        const auto product = aie::mul<acc64>(aie::load_v<16>(samples + 16 * b), aie::load_v<16>(hann + 16 * b));
        aie::store_v(rows_out + 16 * b, product.to_vector<int32>(window_shift));
    }
    for (int b = rows; b < whole_rows; ++b) aie::store_v(rows_out + 16 * b, aie::zeros<int32, 16>());
}

// x[b][a] to A's tiles: [a / 4][b / 4] of 4 a x 4 b.
STEP void stand_up(const int32_t *__restrict rows_in, int32_t *__restrict tiles) {
    for (int k = 0; k < row_tiles; ++k) {
        for (int half = 0; half < 2; ++half) {
            const int32_t *from = rows_in + 64 * k + 8 * half;
            const Block upright = aie::transpose(aie::concat(aie::load_v<8>(from), aie::load_v<8>(from + 16),
                                                             aie::load_v<8>(from + 32), aie::load_v<8>(from + 48)), 4, 8);
            aie::store_v(tiles + (2 * half * row_tiles + k) * 16, upright.extract<16>(0));
            aie::store_v(tiles + ((2 * half + 1) * row_tiles + k) * 16, upright.extract<16>(1));
        }
    }
}

// `inner` products of 4 x 4 by 4 x 8, the tables `step` blocks apart.
template <int inner, int step>
PART void multiply(const int32_t *__restrict tiles, const int16_t *__restrict table, int32_t *__restrict out) {
    aie::mmul<4, 4, 8, int32, int16> c;
    for (int k = 0; k < inner; ++k) c.mac(aie::load_v<16>(tiles + 16 * k), aie::load_v<32>(table + 32 * step * k));
    aie::store_v(out, c.to_vector<int32>(table_bits));
}

// Sums over b, to [a / 4][re, re, im, im] blocks of 4 a x 8 d. |Z| <= (hann over 25 b, 12.5) * 2**23 < 2**26.7.
STEP void sum_over_b(const int32_t *__restrict tiles, int32_t *__restrict z) {
    for (int i = 0; i < 16; ++i) multiply<row_tiles, 4>(tiles + i / 4 * (row_tiles * 16), dft25_blocks + i % 4 * 32, z + i * 32);
}

// One part of Z W400^(a d) for 4 a x 8 d, stood up as two tiles of 4 d x 4 a. A rotation keeps the bound of Z.
template <bool imaginary>
PART void rotate(const int32_t *__restrict z, const int32_t *__restrict angle, int32_t *__restrict tiles) {
    Block turned;
    for (int i = 0; i < 2; ++i) {
        const int32_t *re = z + 16 * i, *im = re + 64;
        const auto mine = aie::mul<acc64>(aie::load_v<16>(imaginary ? im : re), aie::load_v<16>(angle + 16 * i));
        const Words other = aie::load_v<16>(imaginary ? re : im), sine = aie::load_v<16>(angle + 32 + 16 * i);
        if constexpr (imaginary)
            turned.insert(i, aie::msc(mine, other, sine).to_vector<int32>(turn_bits));
        else
            turned.insert(i, aie::mac(mine, other, sine).to_vector<int32>(turn_bits));
    }
    const Block upright = aie::transpose(turned, 4, 8);
    aie::store_v(tiles, upright.extract<16>(0));
    aie::store_v(tiles + 64, upright.extract<16>(1));
}

// To [re, im][d / 4][a / 4] tiles of 4 d x 4 a.
STEP void turn_by_w400(const int32_t *__restrict z, int32_t *__restrict tiles) {
    for (int i = 0; i < 8; ++i) {
        const int a_tile = i / 2, half = i % 2;
        const int32_t *from = z + 128 * a_tile + 32 * half;
        int32_t *to = tiles + 128 * half + 16 * a_tile;
        rotate<false>(from, turn_blocks + 64 * i, to);
        rotate<true>(from, turn_blocks + 64 * i, to + 256);
    }
}

// Sums over a, to [re, im][d / 4][cos, sin] blocks of 4 d x 8 c. |sum| <= 16 * 2**26.7 < 2**31.
STEP void sum_over_a(const int32_t *__restrict tiles, int32_t *__restrict sums) {
    for (int i = 0; i < 8; ++i, tiles += 64, sums += 64) {
        multiply<4, 2>(tiles, dft16_blocks, sums);
        multiply<4, 2>(tiles, dft16_blocks + 32, sums + 32);
    }
}

// Lane c = 0 of both tables holds a cosine (of c = 0 and of c = 8): there neither sum has a partner.
PART Words but_c_0(const Words &v) {
    return aie::select(v, aie::zeros<int32, 16>(), aie::mask<16>::from_uint32(0x0101));
}

// In place: `cosine` becomes this part of X[25 c + d], `sine` that of X[25 c - d]. |bin| <= sum(hann) * 2**23 < 2**31.
template <bool imaginary>
PART Words butterfly(int32_t *cosine, int32_t *sine, const Words &peak) {
    const Words u = aie::load_v<16>(cosine), v = aie::load_v<16>(sine);
    const Words above = imaginary ? aie::sub(u, but_c_0(v)) : aie::add(u, but_c_0(v));
    const Words below = imaginary ? aie::add(but_c_0(u), v) : aie::sub(but_c_0(u), v);
    aie::store_v(cosine, above);
    aie::store_v(sine, below);
    return aie::max(peak, aie::max(aie::abs(above), aie::abs(below)));
}

// The four sums of each pair of bins, in place, to [re above, im below; im above, re below]. In a block below, lane c = 0
// is c = 8. Returns the largest |part| of any bin.
STEP int32_t bins_in_place(int32_t *__restrict sums) {
    Words peak = aie::zeros<int32, 16>();
    for (int d_tile = 0; d_tile < 4; ++d_tile) {
        for (int i = 0; i < 2; ++i) {
            int32_t *re = sums + 64 * d_tile + 16 * i, *im = re + 256;
            peak = butterfly<false>(re, im + 32, peak);
            peak = butterfly<true>(im, re + 32, peak);
        }
    }
    return aie::reduce_max(peak);
}

// |X|^2 of 4 d x 8 c as two views of 32, loud and quiet. re^2 + im^2 <= 2**61.3, and less than 2**(61 + 2 exponent).
STEP void square(const int32_t *__restrict re, const int32_t *__restrict im, int32_t *__restrict views, int shift) {
    for (int i = 0; i < 2; ++i) {
        const Words x = aie::load_v<16>(re + 16 * i), y = aie::load_v<16>(im + 16 * i);
        const auto power = aie::mac(aie::mul<acc64>(x, x), y, y);
        aie::store_v(views + 16 * i, power.to_vector<int32>(shift));
        aie::store_v(views + 32 + 16 * i, power.to_vector<int32>(shift - quiet_bits));  // saturates where it is loud
    }
}

// 4 of the 8 c of both views, stood up: for each c 4 bins of the loud view, then the same of the quiet one.
PART Block four_c(const int32_t *views) {
    return aie::transpose(aie::concat(aie::load_v<4>(views), aie::load_v<4>(views + 8), aie::load_v<4>(views + 16),
                                      aie::load_v<4>(views + 24), aie::load_v<4>(views + 32), aie::load_v<4>(views + 40),
                                      aie::load_v<4>(views + 48), aie::load_v<4>(views + 56)), 8, 4);
}

// From c to c + 1 are 25 bins and 8 blocks. `first` is the block of c = 0, which below is that of c = 8.
STEP void in_order(const int32_t *__restrict views, int32_t *__restrict first, int32_t *__restrict second) {
    const Block low = four_c(views);
    aie::store_v(first, low.extract<8>(0));
    aie::store_v(second, low.extract<8>(1));
    aie::store_v(second + 64, low.extract<8>(2));
    aie::store_v(second + 128, low.extract<8>(3));
    const Block high = four_c(views + 4);
    aie::store_v(second + 192, high.extract<8>(0));
    aie::store_v(second + 256, high.extract<8>(1));
    aie::store_v(second + 320, high.extract<8>(2));
    aie::store_v(second + 384, high.extract<8>(3));
}

// To 64 blocks in ascending order, each of 4 neighbouring bins seen twice: bin 25 c + 4 j is in block 8 c + j, and
// bin 25 c - 4 j in block 8 c - 1 - j.
STEP void powers(const int32_t *__restrict spectrum, int32_t *__restrict views, int32_t *__restrict power, int exponent) {
    const int shift = loud_shift + 2 * exponent;
    for (int j = 0; j < 4; ++j) {
        const int32_t *re = spectrum + 64 * j, *im = re + 256;
        square(re, im, views, shift);
        in_order(views, power + j * 8, power + (8 + j) * 8);
        square(im + 32, re + 32, views, shift);
        in_order(views, power + (63 - j) * 8, power + (7 - j) * 8);
    }
}

// For 8 bands at a time [loud, quiet] x 4 bins times 4 bins x 8 bands, over the blocks that these bands touch.
STEP void band_sums(const int32_t *__restrict power, int32_t *__restrict sums) {
    const int16_t *weights = mel_blocks;
    for (int group = 0; group < bands / 8; ++group) {
        const int32_t *block = power + 8 * mel_first[group];
        const int count = mel_count[group];
        aie::mmul<2, 4, 8, int32, int16> sum;
        for (int i = 0; i < count; ++i, block += 8, weights += 32) sum.mac(aie::load_v<8>(block), aie::load_v<32>(weights));
        aie::store_v(sums + 16 * group, sum.to_vector<int32>(mel_shift));  // loud < 2**31; quiet saturates
    }
}

PART Words view_of_16(const int32_t *sums, int view) {
    return aie::concat(aie::load_v<8>(sums + 8 * view), aie::load_v<8>(sums + 16 + 8 * view));
}

// Each band to a mantissa in [2**30, 2**31) and an exponent in Q15 octaves. A band whose loud sum is small is read from
// the quiet view, where no bin of it saturated. A core counts no leading zeros in a vector: five halvings find them.
STEP void normalise(const int32_t *__restrict sums, int32_t *__restrict octaves) {
    for (int band = 0; band < bands; band += 16, sums += 32, octaves += 32) {
        const Words loud = view_of_16(sums, 0);
        const auto faint = aie::lt(loud, int32_t(quiet_below));
        Words value = aie::max(aie::select(loud, view_of_16(sums, 1), faint), int32_t(1));
        Words exponent = aie::select(aie::broadcast<int32, 16>((30 + quiet_bits) << octave_bits),
                                     aie::broadcast<int32, 16>(30 << octave_bits), faint);
        for (int bits = 16; bits > 0; bits /= 2) {
            const auto small = aie::lt(value, int32_t(1) << (31 - bits));
            value = aie::select(value, aie::upshift(value, bits), small);
            exponent = aie::select(exponent, aie::sub(exponent, int32_t(bits << octave_bits)), small);
        }
        aie::store_v(octaves, value);
        aie::store_v(octaves + 16, exponent);
    }
}

// log2 of a mantissa in Q15, less 30: t + t (1 - t) (a + b t), which stays under one.
PART aie::vector<int16, 16> curve(const Words &mantissa) {
    const auto t = aie::accum<acc64, 16>(aie::sub(mantissa, int32_t(1) << 30)).to_vector<int16>(octave_bits);
    const auto line = aie::add(aie::mul(t, log2_curve[1]).to_vector<int16>(octave_bits), log2_curve[0]);
    const auto bow = aie::mul(t, aie::sub(int16_t(32767), t)).to_vector<int16>(octave_bits);
    return aie::add(t, aie::mul(bow, line).to_vector<int16>(octave_bits));
}

// Octaves to output steps: every exponent, and the band's own factor, are sums; one product and one rounding end it.
STEP int16_t steps_of(const int32_t *__restrict octaves, int16_t *__restrict steps, int exponent) {
    auto loudest = aie::broadcast<int16, 16>(-128);
    for (int band = 0; band < bands; band += 16, octaves += 32) {
        const Words known = aie::add(aie::add(aie::load_v<16>(octaves + 16), aie::load_v<16>(band_offset + band)),
                                     int32_t(exponent * 2 * (1 << octave_bits)));
        const Words sum = aie::add(known, curve(aie::load_v<16>(octaves)).unpack());
        const auto here = aie::mul<acc64>(sum, int16_t(steps_an_octave)).to_vector<int16>(step_shift);
        aie::store_v(steps + band, here);
        loudest = aie::max(loudest, here);
    }
    return aie::reduce_max(loudest);
}

STEP void floor_and_store(const int16_t *__restrict steps, int8_t *__restrict bands_out, int16_t loudest) {
    const int16_t floor = loudest - floor_steps > -128 ? loudest - floor_steps : -128;
    for (int band = 0; band < bands; band += 16)
        aie::store_v(bands_out + band, aie::min(aie::max(aie::load_v<16>(steps + band), floor), int16_t(127)).pack<int8>());
}

// What brings the strongest bin to loud_bits bits; the least value leaves a silent frame its zeros.
PART int exponent_of(int32_t peak) {
    const int bits = peak > 0 ? 32 - __builtin_clz(uint32_t(peak)) : 0;
    return bits - loud_bits > least_exponent ? bits - loud_bits : least_exponent;
}

}  // namespace

// `ping` and `pong` take turns, since what is read is done with: rows of the windowed frame, tiles of it; Z, tiles of Z; sums
// over a and in their place the bins, their powers. `views` is the loud and the quiet power of 4 d x 8 c; `sums` for each 8
// bands are loud and quiet, `octaves` for each 16 mantissa and exponent; `steps` are the bands before the frame's floor.
extern "C" void mel_i16(int16_t *samples, int8_t *bands_out, int32_t *ping, int32_t *pong, int32_t *views, int32_t *sums,
                        int32_t *octaves, int16_t *steps) {
    // Both are the core's state: they survive from whatever ran before, or from a reset that means floor and wrap.
    aie::set_rounding(aie::rounding_mode::positive_inf);
    aie::set_saturation(aie::saturation_mode::saturate);
    window(samples, ping);
    stand_up(ping, pong);
    sum_over_b(pong, ping);
    turn_by_w400(ping, pong);
    sum_over_a(pong, ping);
    const int exponent = exponent_of(bins_in_place(ping));
    powers(ping, views, pong, exponent);
    band_sums(pong, sums);
    normalise(sums, octaves);
    floor_and_store(steps, bands_out, steps_of(octaves, steps, exponent));
}
