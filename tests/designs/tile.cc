// The tile functions of the designs beside this file; those that are wrong are wrong in one way each.
#include <aie_api/aie.hpp>
#include <cstring>

extern "C" {

// Right

void twice(const int32 *x, int32 *y) {
    for (int i = 0; i < 16; ++i) y[i] = 2 * x[i];
}
void twice_again(const int32 *x, int32 *y) { twice(x, y); }
void copy(const int32 *x, int32 *y) {
    for (int i = 0; i < 16; ++i) y[i] = x[i];
}
// As long as many a kernel takes: the sequence runs ahead of it.
void fill_half(int32 *x, int32 from) {
    for (int i = 0; i < 8; ++i) x[from + i] = 100 + from + i;
}

void add_to_half(int32 *x, int32 from) {
    for (int i = 0; i < 8; ++i) x[from + i] += 1;
}

void slow_copy(const int32 *x, int32 *y) {
    for (int turn = 0; turn < 200; ++turn)
        for (int i = 0; i < 16; ++i) reinterpret_cast<volatile int32 *>(y)[i] = x[i];
}
void add(const int32 *x, const int32 *more, int32 *y) {
    for (int i = 0; i < 16; ++i) y[i] = x[i] + more[i];
}
void add_to(const int32 *x, int32 *sum) {
    for (int i = 0; i < 16; ++i) sum[i] += x[i];
}
void clear(int32 *x) { std::memset(x, 0, 64); }
void half_of_it(const int32 *x, int32 *y) { y[0] = x[0]; }
void count_calls(const int32 *, int32 *y) {
    static int32 calls = 0;
    ++calls;
    for (int i = 0; i < 16; ++i) y[i] = calls;
}
void plus_one(const int32 *x, int32 *y) {
    for (int i = 0; i < 16; i += 8) aie::store_v(y + i, aie::add(aie::load_v<8>(x + i), 1));
}
void unaligned_is_fine(const int32 *x, int32 *y) {
    for (int i : {0, 1, 8}) aie::store_unaligned_v(y + i, aie::load_unaligned_v<8>(x + i));
}
void wide_copy(const int32 *x, int32 *y) {
    for (int i = 0; i < 32; i += 8) aie::store_v(y + i, aie::load_v<8>(x + i));
    aie::store_v(y + 8, aie::load_v<16>(x + 8));  // 32 bytes into the object
}
void copy_wide(const int32 *x, int32 *y) { aie::store_v(y, aie::load_v<16>(x)); }
void half_rounded(const int32 *x, int32 *y) {
    aie::set_rounding(aie::rounding_mode::positive_inf);
    aie::store_v(y, aie::accum<acc64, 16>(aie::load_v<16>(x)).to_vector<int32>(1));
}
void half_floored(const int32 *x, int32 *y) {
    aie::store_v(y, aie::accum<acc64, 16>(aie::load_v<16>(x)).to_vector<int32>(1));
}
void rounds_to_even(bfloat16 *) { aie::set_rounding(aie::rounding_mode::conv_even); }

#if __AIE_ARCH__ == 21
void double_blocks(const bfp16ebs8 *x, bfp16ebs8 *y) {
    aie::block_vector_input_buffer_stream<bfp16ebs8, 64> in(x);
    aie::block_vector_output_buffer_stream<bfp16ebs8, 64> out(y);
    const aie::accum<accfloat, 64> acc(in.pop());
    out << aie::add(acc, acc).to_vector<bfp16ebs8>();
}
void double_and_a_half(const bfp16ebs8 *x, bfp16ebs8 *y) {
    aie::block_vector_input_buffer_stream<bfp16ebs8, 64> in(x);
    in.seek_byte(36);
    aie::block_vector_output_buffer_stream<bfp16ebs8, 64>(y).push(in.pop());
}
#endif

// With arrays on the stack

void matmul(const int8 *ab, int8 *c) {
    int32 acc[1024];
    for (int i = 0; i < 1024; ++i) acc[i] = 0;
    for (int row = 0; row < 32; ++row)
        for (int k = 0; k < 32; ++k)
            for (int column = 0; column < 32; ++column)
                acc[32 * row + column] += ab[32 * row + k] * ab[1024 + 32 * k + column];
    for (int i = 0; i < 1024; ++i) c[i] = static_cast<int8>(acc[i] >> 8);
}
void matmul_wide(const int8 *ab, int32 *c) {
    volatile int32 acc[1024];
    for (int i = 0; i < 1024; ++i) acc[i] = 0;
    for (int row = 0; row < 32; ++row)
        for (int k = 0; k < 32; ++k)
            for (int column = 0; column < 32; ++column)
                acc[32 * row + column] = acc[32 * row + column] + ab[32 * row + k] * ab[1024 + 32 * k + column];
    for (int i = 0; i < 1024; ++i) c[i] = acc[i];
}
void side_by_side(const int32 *x, int32 *y) {
    {
        volatile int32 first[200];
        for (int i = 0; i < 200; ++i) first[i] = x[i % 16];
        y[0] = first[0];
    }
    {
        volatile int32 second[200];
        for (int i = 0; i < 200; ++i) second[i] = x[i % 16];
        for (int i = 0; i < 16; ++i) y[i] = second[i];
    }
}
[[gnu::noinline]] void deeper(const int32 *x, int32 *y) {
    volatile int32 lower[100];
    for (int i = 0; i < 100; ++i) lower[i] = x[i % 16];
    for (int i = 0; i < 16; ++i) y[i] = lower[i];
}
void deep(const int32 *x, int32 *y) {
    volatile int32 upper[200];
    for (int i = 0; i < 200; ++i) upper[i] = i;
    deeper(x, y);
    y[0] += upper[0];
}

// Outside its buffers

void twice_and_one_more(const int32 *x, int32 *y) {
    for (int i = 0; i < 16; ++i) y[i] = x[i] + x[i + 1];
}
void twice_from_one_before(const int32 *x, int32 *y) {
    for (int i = 0; i < 16; ++i) y[i] = x[i] + x[i - 1];
}
void writes_far(const int32 *x, int32 *y) { y[4000] = x[0]; }
void copies_too_much(const int32 *x, int32 *y) { std::memcpy(y, x, 68); }

// Nothing written, or not yet

void does_nothing(const int32 *, int32 *) {}
void reads_its_output(const int32 *x, int32 *y) {
    for (int i = 0; i < 16; ++i) y[i] += x[i];
}
void first_call_only(const int32 *x, int32 *y) {
    static bool first = true;
    if (first) copy(x, y);
    first = false;
}
void first_only(int32 *x) {
    static bool first = true;
    if (first) clear(x);
    first = false;
}
void clear_the_first(int32 *x) { first_only(x); }
void clear_half(int32 *x) { std::memset(x, 0, 32); }

// Misaligned

void load_one_too_far(const int32 *x, int32 *y) { aie::store_v(y, aie::load_v<8>(x + 1)); }
void store_one_too_far(const int32 *x, int32 *y) { aie::store_v(y + 1, aie::load_v<8>(x)); }
void iterate_from_one(const int32 *x, int32 *y) { aie::store_v(y, *aie::begin_restrict_vector<8>(x + 1)); }
void wide_copy_from_two(const int32 *x, int32 *y) { aie::store_v(y, aie::load_v<16>(x + 2)); }
void shifted_too_far(const int32 *x, int32 *y) {
    aie::store_v(y, aie::accum<acc64, 16>(aie::load_v<16>(x)).to_vector<int32>(70));
}
void send_all(const int32 *x) {
    for (int i = 0; i < 16; ++i) put_ms(x[i]);
}

// No end

void crashes(const int32 *x, int32 *) { *reinterpret_cast<volatile int32 *>(static_cast<intptr_t>(x[3])) = 1; }
void never_returns(const int32 *x, int32 *) {
    while (reinterpret_cast<const volatile int32 *>(x)[0] != 99) {}
}
}
