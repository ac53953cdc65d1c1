//  softmax(Q K^T / sqrt(head)) V for one head of int8. README.md has the drawing, constants.py the numbers and why they
// cannot overflow, integer.py the same arithmetic without vectors.
#include <aie_api/aie.hpp>

#include "constants.hpp"

namespace {

// Scores are made as keys x rows: so the 8 rows lie side by side in a vector, and what is done row by row is lane by lane.
using ScoreTile = aie::mmul<8, 8, 8, int8, int8>;
using ValueTile = aie::mmul<8, 4, 8, int16, int8>;

// A core's stack is small, so no two stages share a frame; what a stage is made of goes into it.
#define STAGE [[gnu::noinline]]
#define PART [[gnu::always_inline]] inline

// Blocks. A piece of 8 rows x 32 bytes becomes eight blocks of 4 rows x 8 bytes, each where a row of the piece was; so
// blocking works in place and costs no memory. Block `i` of the upper 4 rows begins here, counted from the first of the
// rows; that of the lower 4 rows is 4 rows further.
constexpr int block_at(int i) { return i % 4 * head + i / 4 * 32; }

struct Piece {
    aie::vector<int8, 64> upper[2], lower[2];  // two blocks each

    PART aie::vector<int8, 32> upper_block(int i) const { return upper[i / 2].extract<32>(i % 2); }
    PART aie::vector<int8, 32> lower_block(int i) const { return lower[i / 2].extract<32>(i % 2); }
};

PART Piece piece_of(const int8 *from) {
    const auto rows_of = [=](int upper) {
        return aie::concat(aie::load_v<32>(from + upper * head), aie::load_v<32>(from + (upper + 4) * head));
    };
    const auto [upper02, lower02] = aie::interleave_zip(rows_of(0), rows_of(2), 8);
    const auto [upper13, lower13] = aie::interleave_zip(rows_of(1), rows_of(3), 8);
    const auto [upper01, upper23] = aie::interleave_zip(upper02, upper13, 8);
    const auto [lower01, lower23] = aie::interleave_zip(lower02, lower13, 8);
    return {{upper01, upper23}, {lower01, lower23}};
}

STAGE void block_keys_and_values(int8 *k) {
    for (int row = 0; row < 2 * keys; row += 8) {
        for (int at = 0; at < head; at += 32) {
            int8 *to = k + row * head + at;
            const Piece piece = piece_of(to);
            for (int i = 0; i < 4; ++i) {
                aie::store_v(to + i * head, piece.upper_block(i));
                aie::store_v(to + (i + 4) * head, piece.lower_block(i));
            }
        }
    }
}

// 8 rows of q to blocks of 8 columns x 8 rows
STAGE void transpose_eight_rows(const int8 *q, int8 *blocks) {
    for (int at = 0; at < head; at += 32, blocks += 256) {
        const Piece piece = piece_of(q + at);
        for (int i = 0; i < 4; ++i) {
            const auto block = aie::concat(piece.upper_block(i), piece.lower_block(i));
            aie::store_v(blocks + 64 * i, aie::transpose(block, 8, 8));
        }
    }
}

template <unsigned lanes>
PART aie::vector<int32, lanes / 2> add_halves(const aie::vector<int32, lanes> &v) {
    return aie::add(v.template extract<lanes / 2>(0), v.template extract<lanes / 2>(1));
}

PART void store_twice(int32 *to, const aie::vector<int32, 8> &of_rows) { aie::store_v(to, aie::concat(of_rows, of_rows)); }

// scores := k q^T for 8 rows of q; best := the greatest of each row, twice
STAGE void score_eight_rows(const int8 *k, const int8 *q, int32 *scores, int32 *best) {
    auto highest = aie::broadcast<int32, 16>(-128 * 128 * head);  // no score is below
    for (int key = 0; key < keys; key += 8) {
        ScoreTile tile;
        for (int i = 0; i < head / 8; ++i) {
            const int8 *block = k + key * head + block_at(i);
            tile.mac(aie::concat(aie::load_v<32>(block), aie::load_v<32>(block + 4 * head)), aie::load_v<64>(q + 64 * i));
        }
        const auto eight_keys = tile.to_vector<int32>();
        for (int i = 0; i < 4; ++i) {
            const auto two_keys = eight_keys.template extract<16>(i);
            highest = aie::max(highest, two_keys);
            aie::store_v(scores + 8 * key + 16 * i, two_keys);
        }
    }
    store_twice(best, aie::max(highest.extract<8>(0), highest.extract<8>(1)));
}

// Octaves by which 4 keys are below the best of their rows, in steps of 2^-exponent_bits
PART aie::vector<int16, 32> exponents_of(const int32 *scores, const aie::vector<int32, 16> &best) {
    const auto distance = aie::sub(aie::concat(best, best), aie::load_v<32>(scores));
    return aie::mul(distance, int16(exponent_scale)).to_vector<int16>(exponent_shift);
}

// a x / 2^exponent_bits + c, rounded
template <typename A>
PART aie::vector<int16, 32> horner_step(const A &a, const aie::vector<int16, 32> &x, int16 c) {
    return aie::add(aie::mul(x, a).template to_vector<int16>(exponent_bits), c);
}

constexpr int16 fraction_bits = (1 << exponent_bits) - 1;

// weight_one 2^-fraction(z)
PART aie::vector<int16, 32> power_of_fraction(const aie::vector<int16, 32> &z) {
    const auto fraction = aie::bit_and(z, fraction_bits);
    const auto &[linear, square, cube] = power_terms;
    return horner_step(horner_step(horner_step(cube, fraction, square), fraction, linear), fraction, weight_one);
}

// 2^octave_bits >> octaves(z), which is a bfloat16 whose exponent is octave_bits - octaves, rounded down.
PART aie::vector<int16, 32> power_of_octaves(const aie::vector<int16, 32> &z) {
    constexpr int16 bias = 127 + octave_bits, mantissa_bits = 7;
    const auto octaves = aie::mul(aie::bit_and(z, int16(~fraction_bits)), int16(1));
    const auto bits = aie::sub(int16(bias << mantissa_bits), octaves.to_vector<int16>(exponent_bits - mantissa_bits));
    return aie::to_fixed<int16>(bits.template cast_to<bfloat16>());
}

// weight_one 2^-z
PART aie::vector<int16, 32> power_of_half(const aie::vector<int16, 32> &z) {
    return aie::mul(power_of_fraction(z), power_of_octaves(z)).to_vector<int16>(octave_bits);
}

// weights := weight_one 2^-z for 8 rows, in blocks of 8 rows x 4 keys; sums := those of each row, twice
STAGE void weigh_eight_rows(const int32 *scores, const int32 *best, int16 *weights, int32 *sums) {
    const auto best_of_rows = aie::load_v<16>(best);
    auto sum = aie::zeros<acc32, 32>();
    for (int key = 0; key < keys; key += 4) {
        const auto weight = power_of_half(exponents_of(scores + 8 * key, best_of_rows));
        sum = aie::mac(sum, weight, int16(1));
        aie::store_v(weights + 8 * key, aie::transpose(weight, 4, 8));
    }
    store_twice(sums, add_halves(add_halves(sum.to_vector<int32>())));
}

PART void store_eight_rows(int32 *to, const ValueTile &tile) {
    const auto eight_rows = tile.to_vector<int32>();
    for (int row = 0; row < 8; ++row) aie::store_v(to + row * head, eight_rows.template extract<8>(row));
}

// weighted := weights v for 8 rows of weights. Two tiles take turns, so that no product waits for the one before it.
STAGE void weigh_values(const int16 *weights, const int8 *v, int32 *weighted) {
    for (int column = 0; column < head; column += 16) {
        ValueTile left, right;
        for (int key = 0; key < keys; key += 8) {
            const int8 *row = v + key * head;
            const auto upper = aie::load_v<32>(weights + 8 * key), lower = aie::load_v<32>(weights + 8 * key + 32);
            left.mac(upper, aie::load_v<32>(row + block_at(column / 8)));
            right.mac(upper, aie::load_v<32>(row + block_at(column / 8 + 1)));
            left.mac(lower, aie::load_v<32>(row + 4 * head + block_at(column / 8)));
            right.mac(lower, aie::load_v<32>(row + 4 * head + block_at(column / 8 + 1)));
        }
        store_eight_rows(weighted + column, left);
        store_eight_rows(weighted + column + 8, right);
    }
}

// 2^30 / m for 2^15 <= m < 2^16, at most 32767: a straight line, then Newton. Rounds down.
PART aie::vector<int16, 16> reciprocals(const aie::vector<int32, 16> &m) {
    const auto &[at_zero, slope] = reciprocal_line;
    auto r = aie::sub(int32(at_zero), aie::mul(m, int16(slope)).to_vector<int32>(16)).pack();
    const aie::accum<acc64, 16> one(aie::broadcast<int32, 16>(1 << 30));
    for (int step = 0; step < newton_steps; ++step) {
        const auto error = aie::msc(one, m, r).to_vector<int16>(15);
        r = aie::mac(aie::accum<acc32, 16>(r, 15), r, error).to_vector<int16>(15);
    }
    return r;
}

// out = weighted * factor / 2^shift
struct Factors {
    aie::vector<int16, 16> factor;
    aie::vector<int32, 16> shift;
};

// Of 8 sums, twice. A core counts no leading zeros in a vector; but a float of a sum, which is exact, has them in its
// exponent, 127 + 31 - zeros, and its 16 leading bits but the first in its mantissa.
PART Factors factors_of(const aie::vector<int32, 16> &sums) {
    aie::set_rounding(aie::rounding_mode::floor);
    const auto bits = aie::to_float(sums).template cast_to<int32>();
    const auto leading = aie::bit_or(aie::bit_and(aie::downshift(bits, 8), int32(0x7fff)), int32(0x8000));
    const auto shift = aie::add(aie::downshift(bits, 23), int32(output_shift - 127 - 31));

    const aie::accum<acc32, 16> half(aie::broadcast<int16, 16>(1 << 14));
    const auto factor = aie::mac(half, reciprocals(leading), int16(output_ratio)).to_vector<int16>(15);
    aie::set_rounding(aie::rounding_mode::conv_even);
    return {factor, shift};
}

// out := weighted / sum for 8 rows, in steps of the output
STAGE void normalise_eight_rows(const int32 *weighted, const int32 *sums, int8 *out) {
    const auto [factors, shifts] = factors_of(aie::load_v<16>(sums));
    for (int column = 0; column < head; column += 32) {
        for (int row = 0; row < 8; ++row) {
            const auto product = aie::mul(aie::load_v<32>(weighted + row * head + column), factors.get(row));
            aie::store_v(out + row * head + column, product.to_vector<int16>(shifts.get(row)).pack());
        }
    }
}

}  // namespace

// K and V are rearranged where they lie: the object belongs to this core until it is released.
extern "C" void attention_i8(int8_t *qkv, int8_t *out, int32_t *scores, int16_t *weights, int32_t *best, int32_t *sums,
                             int8_t *blocks) {
    // The core keeps these from whatever ran before.
    aie::set_rounding(aie::rounding_mode::conv_even);
    aie::set_saturation(aie::saturation_mode::saturate);

    int8 *q = qkv, *k = q + rows * head, *v = k + keys * head;
    int32 *values = scores;  // which are weights by then
    block_keys_and_values(k);
    for (int row = 0; row < rows; row += 8) {
        transpose_eight_rows(q + row * head, blocks);
        score_eight_rows(k, blocks, scores, best);
        weigh_eight_rows(scores, best, weights, sums);
        weigh_values(weights, v, values);
        normalise_eight_rows(values, sums, out + row * head);
    }
}
