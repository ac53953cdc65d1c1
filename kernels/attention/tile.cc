//  softmax(Q K^T / sqrt(head)) V for one head of int8. README.md has the drawing, constants.py the numbers and why they
// cannot overflow, integer.py the same arithmetic without vectors.
#include <aie_api/aie.hpp>

#include "constants.hpp"

namespace {

using ScoreTile = aie::mmul<4, 8, 8, int8, int8>;
using ValueTile = aie::mmul<4, 4, 8, int16, int8>;

// the stack is small, so no two stages share a frame.
#define STAGE [[gnu::noinline]]

// Blocks. A piece of 4 rows x 32 bytes becomes its own 4 blocks of 4 rows x 8 bytes, each where a row of the piece was;
// so blocking works in place and costs no memory. Block `i` of 4 rows begins here, counted from the first of the rows.
constexpr int block_at(int i, int row_bytes) { return i % 4 * row_bytes + i / 4 * 32; }

template <int row_bytes>
STAGE void block_four_rows(const int8 *from, int8 *to) {
    for (int at = 0; at < row_bytes; at += 32) {
        const int8 *row = from + at;
        const auto [low02, high02] = aie::interleave_zip(aie::load_v<32>(row), aie::load_v<32>(row + 2 * row_bytes), 8);
        const auto [low13, high13] =
            aie::interleave_zip(aie::load_v<32>(row + row_bytes), aie::load_v<32>(row + 3 * row_bytes), 8);
        const auto [block0, block1] = aie::interleave_zip(low02, low13, 8);
        const auto [block2, block3] = aie::interleave_zip(high02, high13, 8);
        aie::store_v(to + at, block0);
        aie::store_v(to + at + row_bytes, block1);
        aie::store_v(to + at + 2 * row_bytes, block2);
        aie::store_v(to + at + 3 * row_bytes, block3);
    }
}

// The two 4x8 blocks of 8 keys become one transposed 8x8 block: its upper and its lower half.
STAGE void transpose_eight_keys(int8 *k) {
    for (int i = 0; i < head / 8; ++i) {
        int8 *upper = k + block_at(i, head), *lower = upper + 4 * head;
        const aie::vector<int8, 64> block =
            aie::transpose(aie::concat(aie::load_v<32>(upper), aie::load_v<32>(lower)), 8, 8);
        aie::store_v(upper, block.extract<32>(0));
        aie::store_v(lower, block.extract<32>(1));
    }
}

template <int columns, typename Tile>
void store_four_rows(int32 *to, const Tile &tile) {
    const aie::vector<int32, 32> integers = tile.template to_vector<int32>();
    for (int row = 0; row < 4; ++row) aie::store_v(to + row * columns, integers.extract<8>(row));
}

// scores := q k^T for 8 rows of q. Two tiles share each block of k, so that loads (2 a cycle) keep up with the MACs.
STAGE void score_eight_rows(const int8 *q, const int8 *k, int32 *scores) {
    for (int key = 0; key < keys; key += 8) {
        ScoreTile upper, lower;
        for (int i = 0; i < head / 8; ++i) {
            const int8 *a = q + block_at(i, head), *b = k + key * head + block_at(i, head);
            const auto eight_keys = aie::concat(aie::load_v<32>(b), aie::load_v<32>(b + 4 * head));
            upper.mac(aie::load_v<32>(a), eight_keys);
            lower.mac(aie::load_v<32>(a + 4 * head), eight_keys);
        }
        store_four_rows<keys>(scores + key, upper);
        store_four_rows<keys>(scores + 4 * keys + key, lower);
    }
}

// z := octaves by which a key's weight is below the best of its row, in steps of 2^-exponent_bits
STAGE void exponents_of_row(const int32 *scores, int16 *z) {
    auto highest = aie::load_v<16>(scores);
    for (int key = 16; key < keys; key += 16) highest = aie::max(highest, aie::load_v<16>(scores + key));
    const int32 best = aie::reduce_max(highest);
    for (int key = 0; key < keys; key += 16) {
        const auto distance = aie::sub(best, aie::load_v<16>(scores + key));
        aie::store_v(z + key, aie::mul(distance, int16(exponent_scale)).to_vector<int16>(exponent_shift));
    }
}

// a x / 2^exponent_bits + c, rounded
aie::vector<int16, 32> horner_step(const aie::vector<int16, 32> &a, const aie::vector<int16, 32> &x, int16 c) {
    return aie::add(aie::mul(a, x).to_vector<int16>(exponent_bits), c);
}

// weight_one 2^-z, z in steps of 2^-exponent_bits
aie::vector<int16, 32> power_of_half(const aie::vector<int16, 32> &z) {
    const auto fraction = aie::bit_and(z, int16((1 << exponent_bits) - 1));
    const auto &[linear, square, cube] = power_terms;
    auto power = horner_step(aie::broadcast<int16, 32>(cube), fraction, square);
    power = horner_step(power, fraction, linear);
    power = horner_step(power, fraction, weight_one);

    // octave_one >> octaves, bit by bit. Each shift is exact, or rounds a half to the even zero; shifting `power` itself
    // would round up to four times.
    auto octaves = aie::broadcast<int16, 32>(1 << octave_bits);
    for (int bit = 0; bit < 4; ++bit) {
        const auto is_set = aie::neq(aie::bit_and(z, int16(1 << (exponent_bits + bit))), int16(0));
        octaves = aie::select(octaves, aie::downshift(octaves, 1 << bit), is_set);
    }
    return aie::mul(power, octaves).to_vector<int16>(octave_bits);
}

// weights := weight_one 2^-z, in place, for 8 rows
STAGE void weigh_eight_rows(int16 *z) {
    for (int at = 0; at < 8 * keys; at += 32) aie::store_v(z + at, power_of_half(aie::load_v<32>(z + at)));
}

// The 4x4 block of weights of 4 rows that multiplies keys 4 i to 4 i + 3
aie::vector<int16, 16> weight_block(const int16 *weights, int i) {
    return aie::load_v<16>(weights + block_at(i, 2 * keys) / 2);
}

// weighted := weights v for 8 rows of weights
STAGE void weigh_values(const int16 *weights, const int8 *v, int32 *weighted) {
    for (int column = 0; column < head; column += 8) {
        ValueTile upper, lower;
        for (int i = 0; i < keys / 4; ++i) {
            const auto four_keys = aie::load_v<32>(v + i * 4 * head + block_at(column / 8, head));
            upper.mac(weight_block(weights, i), four_keys);
            lower.mac(weight_block(weights + 4 * keys, i), four_keys);
        }
        store_four_rows<head>(weighted + column, upper);
        store_four_rows<head>(weighted + 4 * head + column, lower);
    }
}

// Sums of 8 rows of weights: the product with a column of ones. All 8 entries of a row are its sum.
STAGE void sum_weights(const int16 *weights, int32 *sums) {
    const auto ones = aie::broadcast<int8, 32>(1);
    ValueTile upper, lower;
    for (int i = 0; i < keys / 4; ++i) {
        upper.mac(weight_block(weights, i), ones);
        lower.mac(weight_block(weights + 4 * keys, i), ones);
    }
    store_four_rows<8>(sums, upper);
    store_four_rows<8>(sums + 32, lower);
}

// 2^30 / m for 2^15 <= m < 2^16, at most 32767: a straight line, then Newton. The core has no divider.
int reciprocal(int m) {
    int r = reciprocal_line[0] - int((unsigned(m) * reciprocal_line[1]) >> 16);
    for (int step = 0; step < newton_steps; ++step) r += (r * (((1 << 30) - m * r) >> 15)) >> 15;
    return r < 32767 ? r : 32767;
}

// out := weighted / sum, in steps of the output
STAGE void normalise_row(const int32 *weighted, unsigned sum, int8 *out) {
    const int zeros = __builtin_clz(sum);
    const int16 factor = int16((reciprocal(int((sum << zeros) >> 16)) * output_ratio + (1 << 14)) >> 15);
    const int shift = output_shift - zeros;
    for (int column = 0; column < head; column += 32) {
        const auto left = aie::mul(aie::load_v<16>(weighted + column), factor).to_vector<int16>(shift);
        const auto right = aie::mul(aie::load_v<16>(weighted + column + 16), factor).to_vector<int16>(shift);
        aie::store_v(out + column, aie::concat(left, right).pack());
    }
}

}  // namespace

// K and V are rearranged where they lie: the object belongs to this core until it is released.
extern "C" void attention_i8(int8_t *qkv, int8_t *out, int32_t *scores, int32_t *values, int16_t *weights, int32_t *sums,
                             int8_t *blocks) {
    // The core keeps these from whatever ran before.
    aie::set_rounding(aie::rounding_mode::conv_even);
    aie::set_saturation(aie::saturation_mode::saturate);

    int8 *q = qkv, *k = q + rows * head, *v = k + keys * head;
    for (int row = 0; row < 2 * keys; row += 4) block_four_rows<head>(k + row * head, k + row * head);
    for (int key = 0; key < keys; key += 8) transpose_eight_keys(k + key * head);

    for (int first = 0; first < rows; first += 8) {
        for (int row = 0; row < 8; row += 4) block_four_rows<head>(q + (first + row) * head, blocks + row * head);
        score_eight_rows(blocks, k, scores);
        for (int row = 0; row < 8; ++row) exponents_of_row(scores + row * keys, weights + row * keys);
        weigh_eight_rows(weights);
        for (int row = 0; row < 8; row += 4) {
            int8 *bytes = reinterpret_cast<int8 *>(weights + row * keys);
            block_four_rows<2 * keys>(bytes, bytes);
        }
        sum_weights(weights, sums);
        weigh_values(weights, v, values);
        for (int row = 0; row < 8; ++row)
            normalise_row(values + row * head, unsigned(sums[row * 8]), out + (first + row) * head);
    }
}
