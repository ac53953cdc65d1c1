// The kernels of scripts/anchors, made again from what their sources say of them: the same work on the same sizes, in the
// same blocks, not their text.
#include <aie_api/aie.hpp>

namespace {

// C = A B, or C += A B if it `adds`: all three in blocks of Tile, row by row, by `down` x `across` blocks of C at a time.
template <typename Tile, typename T, typename Out, unsigned rows, unsigned inner, unsigned columns, unsigned down,
          unsigned across, bool adds>
[[gnu::always_inline]] inline void product(const T *a, const T *b, Out *c) {
    constexpr unsigned m = rows / Tile::M, k = inner / Tile::K, n = columns / Tile::N;
    for (unsigned row = 0; row < m; row += down)
        for (unsigned column = 0; column < n; column += across) {
            Tile sums[down][across];
            if constexpr (adds)
#pragma GCC unroll 16
                for (unsigned y = 0; y < down; ++y)
#pragma GCC unroll 16
                    for (unsigned x = 0; x < across; ++x)
                        sums[y][x] = Tile(aie::load_v<Tile::size_C>(c + ((row + y) * n + column + x) * Tile::size_C));
            for (unsigned step = 0; step < k; ++step) {
                aie::vector<T, Tile::size_A> as[down];
                aie::vector<T, Tile::size_B> bs[across];
#pragma GCC unroll 16
                for (unsigned i = 0; i < (down > across ? down : across); ++i) {  // in turn: they lie in two banks
                    if (i < down) as[i] = aie::load_v<Tile::size_A>(a + ((row + i) * k + step) * Tile::size_A);
                    if (i < across) bs[i] = aie::load_v<Tile::size_B>(b + (step * n + column + i) * Tile::size_B);
                }
#pragma GCC unroll 16
                for (unsigned y = 0; y < down; ++y)
#pragma GCC unroll 16
                    for (unsigned x = 0; x < across; ++x) sums[y][x].mac(as[y], bs[x]);
            }
#pragma GCC unroll 16
            for (unsigned y = 0; y < down; ++y)
#pragma GCC unroll 16
                for (unsigned x = 0; x < across; ++x)
                    aie::store_v(c + ((row + y) * n + column + x) * Tile::size_C, sums[y][x].template to_vector<Out>());
        }
}

template <typename T>
[[gnu::always_inline]] inline void scaled(const T *in, T *out) {
    constexpr unsigned lanes = 64 / sizeof(T);
    for (int i = 0; i < 1024; i += lanes) aie::store_v(out + i, aie::mul(aie::load_v<lanes>(in + i), T(3)).template to_vector<T>(0));
}

}  // namespace

extern "C" {

// Of a block of C: 64 x 64 on npu1, 96 x 96 on npu2.
void clear(int32 *c) {
    constexpr int count = __AIE_ARCH__ == 20 ? 64 * 64 : 96 * 96;
    for (int i = 0; i < count; i += 16) aie::store_v(c + i, aie::zeros<int32, 16>());
}

// --- sums and products of elements

void scalar_i32(const int32 *in, int32 *out) {
    for (int i = 0; i < 1024; ++i) out[i] = 3 * in[i];
}
void vector_i32(const int32 *in, int32 *out) { scaled(in, out); }
void vector_i16(const int16 *in, int16 *out) { scaled(in, out); }

void scalar_sum(const int32 *in, int32 *out, int n) {
    int sum = 0;
    for (int i = 0; i < n; ++i) sum += in[i];
    out[0] = sum;
}

void products_i8(const int8 *a, const int8 *b, int8 *out, int n) {
    for (int i = 0; i < n; i += 64)
        for (int half = 0; half < 64; half += 32)
            aie::store_v(out + i + half, aie::mul(aie::load_v<32>(a + i + half), aie::load_v<32>(b + i + half)).to_vector<int8>(4));
}

void sums_i8(const int8 *a, const int8 *b, int8 *out, int n) {
    for (int i = 0; i < n; i += 128)
#pragma GCC unroll 4
        for (int part = 0; part < 128; part += 32) {
            aie::accum<acc32, 32> x(aie::load_v<32>(a + i + part)), y(aie::load_v<32>(b + i + part));
            aie::store_v(out + i + part, aie::add(x, y).to_vector<int8>(1));
        }
}

// --- products of matrices

#if __AIE_ARCH__ == 20
using bytes_16 = aie::mmul<4, 16, 8, int8, int8>;
using bytes_8 = aie::mmul<4, 8, 8, int8, int8>;
using shorts = aie::mmul<4, 4, 4, int16, int16>;
using bfloats = aie::mmul<4, 8, 4, bfloat16, bfloat16>;

void product_plain_i32(const int8 *a, const int8 *b, int32 *c) { product<bytes_16, int8, int32, 64, 64, 64, 1, 1, false>(a, b, c); }
void product_plain_i16(const int8 *a, const int8 *b, int16 *c) { product<bytes_16, int8, int16, 64, 64, 64, 1, 1, false>(a, b, c); }
void product_tuned_i32(const int8 *a, const int8 *b, int32 *c) { product<bytes_16, int8, int32, 64, 64, 64, 2, 1, false>(a, b, c); }
void product_tuned_i16(const int8 *a, const int8 *b, int16 *c) { product<bytes_16, int8, int16, 64, 64, 64, 2, 1, false>(a, b, c); }
void gemm_i8_64(const int8 *a, const int8 *b, int8 *c) { product<bytes_8, int8, int8, 64, 64, 64, 4, 2, true>(a, b, c); }
void gemm_i8_32(const int8 *a, const int8 *b, int8 *c) { product<bytes_8, int8, int8, 64, 64, 32, 4, 2, true>(a, b, c); }
void gemm_i8_loop(const int8 *a, const int8 *b, int8 *c) { product<bytes_8, int8, int8, 32, 128, 16, 4, 2, true>(a, b, c); }
void gemm_i8_2x2(const int8 *a, const int8 *b, int8 *c) { product<bytes_8, int8, int8, 32, 128, 16, 2, 2, true>(a, b, c); }
void gemm_i16(const int16 *a, const int16 *b, int16 *c) { product<shorts, int16, int16, 64, 64, 32, 2, 2, true>(a, b, c); }
// A step of one core of a whole array.
void array_i8(const int8 *a, const int8 *b, int32 *c) { product<bytes_16, int8, int32, 64, 128, 64, 2, 1, true>(a, b, c); }
void array_bf16(const bfloat16 *a, const bfloat16 *b, float *c) { product<bfloats, bfloat16, float, 64, 64, 64, 2, 4, true>(a, b, c); }
void gemm_bf16_loop(const bfloat16 *a, const bfloat16 *b, float *c) { product<bfloats, bfloat16, float, 16, 128, 16, 4, 4, true>(a, b, c); }
void gemm_bf16_32(const bfloat16 *a, const bfloat16 *b, float *c) { product<bfloats, bfloat16, float, 32, 32, 32, 2, 4, true>(a, b, c); }

// --- convolutions

// One row of four by eight pixels and eight channels: for each eight channels that come in, one block of weights.
void conv_1x1(const int8 *in, const int8 *weights, int8 *out, int channels) {
    bytes_8 sums[4];
    for (int i = 0; i < channels; ++i) {
        const auto w = aie::load_v<64>(weights + 64 * i);
#pragma GCC unroll 4
        for (int x = 0; x < 4; ++x) sums[x].mac(aie::load_v<32>(in + 128 * i + 32 * x), w);
    }
#pragma GCC unroll 4
    for (int x = 0; x < 4; ++x) aie::store_v(out + 32 * x, sums[x].to_vector<int8>(10));
}

// The same with its sums in an array that is indexed at run time.
void conv_1x1_array(const int8 *in, const int8 *weights, int8 *out, int channels, int blocks) {
    bytes_8 sums[4];
    for (int i = 0; i < channels; ++i) {
        const auto w = aie::load_v<64>(weights + 64 * i);
        for (int x = 0; x < blocks; ++x) sums[x].mac(aie::load_v<32>(in + 128 * i + 32 * x), w);
    }
    for (int x = 0; x < blocks; ++x) aie::store_v(out + 32 * x, sums[x].to_vector<int8>(10));
}

// Three taps of one line: 32 pixels and a border, moved by a pixel for each tap.
void conv_3x3(const int8 *in, const int8 *weights, int8 *out, int channels) {
    bytes_8 sums[4];
    for (int i = 0; i < channels; ++i) {
        const auto w = aie::load_v<64>(weights + 64 * i);
        const auto low = aie::load_v<64>(in + 128 * i), high = aie::load_v<64>(in + 128 * i + 64);
        const auto moved = aie::shuffle_down_fill(low, high, 8), further = aie::shuffle_down_fill(high, low, 8);
        sums[0].mac(moved.extract<32>(0), w), sums[1].mac(moved.extract<32>(1), w);
        sums[2].mac(further.extract<32>(0), w), sums[3].mac(further.extract<32>(1), w);
    }
#pragma GCC unroll 4
    for (int x = 0; x < 4; ++x) aie::store_v(out + 32 * x, sums[x].to_vector<int8>(10));
}

// Lines that begin anywhere: two vectors are aligned, four orders of their pixels made, each for two blocks of weights.
void conv_unaligned(const int8 *in, const int8 *weights, int16 *out, int channels, unsigned begin) {
    bytes_8 sums[8];
#pragma GCC unroll 8
    for (int part = 0; part < 8; ++part) sums[part] = bytes_8(aie::load_v<32>(out + 32 * part));
    aie::vector<int8, 64> last = aie::load_v<64>(in);
    for (int i = 0; i < channels; ++i) {
        const auto next = aie::load_v<64>(in + 128 * i), after = aie::load_v<64>(in + 128 * i + 64);
        const auto x = aie::shuffle_down_fill(last, next, begin), y = aie::shuffle_down_fill(next, after, begin);
        const auto [even, odd] = aie::interleave_unzip(x, y, 8);
        const auto [early, late] = aie::interleave_zip(even, odd, 4);
        const auto w0 = aie::load_v<64>(weights + 128 * i), w1 = aie::load_v<64>(weights + 128 * i + 64);
        const aie::vector<int8, 32> parts[4] = {even.extract<32>(0), odd.extract<32>(0), early.extract<32>(0), late.extract<32>(0)};
#pragma GCC unroll 4
        for (int part = 0; part < 4; ++part) sums[2 * part].mac(parts[part], w0), sums[2 * part + 1].mac(parts[part], w1);
        last = after;
    }
#pragma GCC unroll 8
    for (int part = 0; part < 8; ++part) aie::store_v(out + 32 * part, sums[part].to_vector<int16>(10));
}

// --- functions of elements

// tanh by a parabola between -4 and 4, 32 elements a turn.
void tanh_bf16(const bfloat16 *in, bfloat16 *out, int n) {
    const aie::vector<bfloat16, 16> two = aie::broadcast<bfloat16, 16>(2.0f), four = aie::broadcast<bfloat16, 16>(4.0f);
    const auto less = aie::broadcast<bfloat16, 16>(-4.0f), slope = aie::broadcast<bfloat16, 16>(0.25f);
    const auto bend = aie::broadcast<bfloat16, 16>(0.03125f);
    const aie::accum<accfloat, 16> half(aie::broadcast<bfloat16, 16>(0.5f)), one(aie::broadcast<bfloat16, 16>(1.0f));
    const auto sign = aie::broadcast<int16, 16>(32767);
    for (int i = 0; i < n; i += 32)
#pragma GCC unroll 2
        for (int part = 0; part < 32; part += 16) {
            aie::vector<bfloat16, 16> x = aie::mul(aie::load_v<16>(in + i + part), two).to_vector<bfloat16>();
            x = aie::max(aie::min(x, four), less);
            const auto size = aie::bit_and(x.cast_to<int16>(), sign).cast_to<bfloat16>();
            const auto bent = aie::mul(bend, size).to_vector<bfloat16>();
            const auto y = aie::msc(aie::mac(half, x, slope), bent, x).to_vector<bfloat16>();
            aie::store_v(out + i + part, aie::sub(aie::mul(y, two), one).to_vector<bfloat16>());
        }
}
#else

// --- npu2

// A step of one core of a whole array.
void array_i8(const int8 *a, const int8 *b, int32 *c) {
    product<aie::mmul<8, 8, 8, int8, int8>, int8, int32, 96, 64, 96, 2, 2, true>(a, b, c);
}

// A row of 768 in steps of 16 lanes: two sums in float, their lanes added up one by one in memory, and the row again.
void layer_norm(const bfloat16 *in, bfloat16 *out, float *lanes) {
    auto sum = aie::zeros<accfloat, 16>();
    for (int i = 0; i < 768; i += 16) sum = aie::add(sum, aie::load_v<16>(in + i));
    aie::store_v(lanes, sum.to_vector<float>());
    float total = 0;
    for (int i = 0; i < 16; ++i) total += lanes[i];
    const auto mean = aie::broadcast<bfloat16, 16>(bfloat16(total * (1.0f / 768)));
    auto squares = aie::zeros<accfloat, 16>();
    for (int i = 0; i < 768; i += 16) {
        const auto apart = aie::sub(aie::load_v<16>(in + i), mean);
        squares = aie::mac(squares, apart, apart);
    }
    aie::store_v(lanes, squares.to_vector<float>());
    float variance = 0;
    for (int i = 0; i < 16; ++i) variance += lanes[i];
    const auto scale = aie::broadcast<bfloat16, 16>(bfloat16(aie::invsqrt(variance * (1.0f / 768) + 1e-5f)));
    for (int i = 0; i < 768; i += 16) {
        const auto apart = aie::sub(aie::load_v<16>(in + i), mean);
        aie::store_v(out + i, aie::mul(apart, scale).to_vector<bfloat16>());
    }
}

// Rows of blocks of bfp16, read in the order of the text: C is 2 x 2 blocks at a time.
void gemm_bfp16(const bfp16ebs8 *a, const bfp16ebs8 *b, float *c) {
    using tile = aie::mmul<8, 8, 8, bfp16ebs8, bfp16ebs8>;
    using blocks = aie::block_vector_input_buffer_stream<bfp16ebs8, 64>;
    for (int row = 0; row < 8; row += 2)
        for (int column = 0; column < 8; column += 2) {
            blocks a0(a), a1(a), b0(b), b1(b);
            a0.seek(12 * row), a1.seek(12 * row + 12), b0.seek(12 * column), b1.seek(12 * column + 12);
            tile c00, c01, c10, c11;
            for (int step = 0; step < 12; ++step) {
                const auto x = a0.pop(), z = b0.pop(), y = a1.pop(), w = b1.pop();
                c00.mac(x, aie::op_transpose(z)), c01.mac(x, aie::op_transpose(w));
                c10.mac(y, aie::op_transpose(z)), c11.mac(y, aie::op_transpose(w));
            }
            float *to = c + 64 * (8 * row + column);
            aie::store_v(to, c00.to_vector<float>()), aie::store_v(to + 64, c01.to_vector<float>());
            aie::store_v(to + 512, c10.to_vector<float>()), aie::store_v(to + 576, c11.to_vector<float>());
        }
}

// The same from bfloat16, which both operands leave in the loop: A through an accumulator, B through products by 1.
void gemm_to_bfp16(const bfloat16 *a, const bfloat16 *b, float *c, int n) {
    using tile = aie::mmul<8, 8, 8, bfp16ebs8, bfp16ebs8>;
    tile c00, c01, c10, c11;
    const auto one = aie::broadcast<bfloat16, 64>(1.0f);
    for (int i = 0; i < n; ++i) {
        const aie::accum<accfloat, 64> a0(aie::load_v<64>(a + 128 * i)), a1(aie::load_v<64>(a + 128 * i + 64));
        const auto b0 = aie::mul(aie::transpose(aie::load_v<64>(b + 128 * i), 8, 8), one);
        const auto b1 = aie::mul(aie::transpose(aie::load_v<64>(b + 128 * i + 64), 8, 8), one);
        const auto x = a0.to_vector<bfp16ebs8>(), y = a1.to_vector<bfp16ebs8>();
        const auto z = b0.to_vector<bfp16ebs8>(), w = b1.to_vector<bfp16ebs8>();
        c00.mac(x, aie::op_transpose(z)), c01.mac(x, aie::op_transpose(w));
        c10.mac(y, aie::op_transpose(z)), c11.mac(y, aie::op_transpose(w));
    }
    aie::store_v(c, c00.to_vector<float>()), aie::store_v(c + 64, c01.to_vector<float>());
    aie::store_v(c + 128, c10.to_vector<float>()), aie::store_v(c + 192, c11.to_vector<float>());
}

// Where in a table of 256 entries each of 32 elements lies: moved, made larger and smaller, rounded down, and held within.
void table_places(const bfloat16 *in, int16 *out, int n) {
    const aie::accum<accfloat, 32> five(aie::broadcast<bfloat16, 32>(5.0f));
    const auto last = aie::broadcast<int16, 32>(255), first = aie::zeros<int16, 32>();
    for (int i = 0; i < n; i += 32) {
        const aie::accum<accfloat, 32> x(aie::load_v<32>(in + i));
        const auto moved = aie::add(x, five).to_vector<bfloat16>();
        const auto larger = aie::mul(moved, bfloat16(256.0f)).to_vector<bfloat16>();
        const auto place = aie::to_fixed<int16>(aie::mul(larger, bfloat16(0.1f)).to_vector<bfloat16>());
        aie::store_v(out + i, aie::max(aie::min(place, last), first));
    }
}

void sums_bf16(const bfloat16 *a, const bfloat16 *b, bfloat16 *out, int n) {
    for (int i = 0; i < n; i += 64)
#pragma GCC unroll 2
        for (int part = 0; part < 64; part += 32) {
            aie::accum<accfloat, 32> x(aie::load_v<32>(a + i + part)), y(aie::load_v<32>(b + i + part));
            aie::store_v(out + i + part, aie::add(x, y).to_vector<bfloat16>());
        }
}

// int8 widened, held between two numbers, and two products of them as int8 again.
void sigmoid_i8(const int8 *in, int8 *out, int n) {
    const auto one = aie::broadcast<int16, 32>(1), none = aie::zeros<int16, 32>(), slope = aie::broadcast<int16, 32>(3);
    const aie::accum<acc32, 32> begin(none);
    for (int i = 0; i < n; i += 32) {
        const auto x = aie::max(aie::min(aie::load_v<32>(in + i).unpack(), one), none);
        aie::store_v(out + i, aie::msc(aie::mac(begin, x, slope), x, x).to_vector<int8>(4));
    }
}

// A line of 64 pixels, four taps of eight channels: six vectors moved by a pixel each, and the weights four times. A core
// spreads 128 bits over a register with one instruction, which the API has no name for: as many rotate them here.
void conv_depthwise(const bfloat16 *in, const bfloat16 *weights, bfloat16 *out, int n) {
    aie::accum<accfloat, 32> first = aie::zeros<accfloat, 32>(), second = first;
    for (int i = 0; i < n; ++i) {
        const auto x = aie::load_v<32>(in + 96 * i), y = aie::load_v<32>(in + 96 * i + 32), z = aie::load_v<32>(in + 96 * i + 64);
        const auto w = aie::load_v<32>(weights + 32 * i);
        const auto w0 = aie::shuffle_down_rotate(w, 0), w1 = aie::shuffle_down_rotate(w, 8);
        const auto w2 = aie::shuffle_down_rotate(w, 16), w3 = aie::shuffle_down_rotate(w, 24);
        first = aie::mac(first, x, w0), second = aie::mac(second, y, w0);
        first = aie::mac(first, aie::shuffle_down_fill(x, y, 8), w1), second = aie::mac(second, aie::shuffle_down_fill(y, z, 8), w1);
        first = aie::mac(first, aie::shuffle_down_fill(x, y, 16), w2), second = aie::mac(second, aie::shuffle_down_fill(y, z, 16), w2);
        first = aie::mac(first, aie::shuffle_down_fill(x, y, 24), w3), second = aie::mac(second, aie::shuffle_down_fill(y, z, 24), w3);
    }
    aie::store_v(out, first.to_vector<bfloat16>()), aie::store_v(out + 32, second.to_vector<bfloat16>());
}
#endif

// --- transfers alone

void first_byte(const int32 *in, int32 *out) { out[0] = in[0]; }
}
