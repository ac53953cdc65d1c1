// Moving lanes: interleave, transpose, shuffle, filter, reverse. No arithmetic here.
#pragma once

#include <utility>

#include "vector.hpp"

namespace aie {

namespace detail {

// Lanes [from, from + n) of a, copied as a block. n is a constant after inlining.
template <typename T>
TILEPROOF_INLINE void copy_lanes(T *to, const T *from, unsigned n) { std::memcpy(to, from, n * sizeof(T)); }

}  // namespace detail

// { v chunk 0, w chunk 0, v chunk 1, w chunk 1, ... }, as two vectors.
template <typename T, unsigned Elems>
TILEPROOF_INLINE std::pair<vector<T, Elems>, vector<T, Elems>> interleave_zip(const vector<T, Elems> &v,
                                                                             const vector<T, Elems> &w, unsigned chunk) {
    chunk = detail::checked_chunk(chunk, Elems);
    T zipped[2 * Elems];
    for (unsigned i = 0; i < Elems; i += chunk) {
        detail::copy_lanes(zipped + 2 * i, v.lane + i, chunk);
        detail::copy_lanes(zipped + 2 * i + chunk, w.lane + i, chunk);
    }
    std::pair<vector<T, Elems>, vector<T, Elems>> out;
    detail::copy_lanes(out.first.lane, zipped, Elems);
    detail::copy_lanes(out.second.lane, zipped + Elems, Elems);
    return out;
}

// Of v followed by w: the even chunks, and the odd chunks.
template <typename T, unsigned Elems>
TILEPROOF_INLINE std::pair<vector<T, Elems>, vector<T, Elems>> interleave_unzip(const vector<T, Elems> &v,
                                                                               const vector<T, Elems> &w, unsigned chunk) {
    chunk = detail::checked_chunk(chunk, Elems);
    T joined[2 * Elems];
    detail::copy_lanes(joined, v.lane, Elems);
    detail::copy_lanes(joined + Elems, w.lane, Elems);
    std::pair<vector<T, Elems>, vector<T, Elems>> out;
    for (unsigned i = 0; i < Elems; i += chunk) {
        detail::copy_lanes(out.first.lane + i, joined + 2 * i, chunk);
        detail::copy_lanes(out.second.lane + i, joined + 2 * i + chunk, chunk);
    }
    return out;
}

namespace detail {

template <typename T, unsigned Elems>
TILEPROOF_INLINE vector<T, Elems / 2> every_other_chunk(const vector<T, Elems> &v, unsigned chunk, unsigned first) {
    chunk = checked_chunk(chunk, Elems / 2);
    vector<T, Elems / 2> out;
    for (unsigned i = 0; i < Elems / 2; i += chunk) copy_lanes(out.lane + i, v.lane + 2 * i + first * chunk, chunk);
    return out;
}

}  // namespace detail

template <typename T, unsigned Elems>
TILEPROOF_INLINE vector<T, Elems / 2> filter_even(const vector<T, Elems> &v, unsigned chunk = 1) {
    return detail::every_other_chunk(v, chunk, 0);
}

template <typename T, unsigned Elems>
TILEPROOF_INLINE vector<T, Elems / 2> filter_odd(const vector<T, Elems> &v, unsigned chunk = 1) {
    return detail::every_other_chunk(v, chunk, 1);
}

// v is a row-major rows x cols matrix; the result is the row-major cols x rows one.
template <typename T, unsigned Elems>
TILEPROOF_INLINE vector<T, Elems> transpose(const vector<T, Elems> &v, unsigned rows, unsigned cols) {
    if (rows * cols != Elems) [[unlikely]] {
        tileproof_record_fault(tileproof_fault_index, nullptr, Elems + 1, rows * cols);
        return v;
    }
    vector<T, Elems> out;
    for (unsigned r = 0; r < rows; ++r)
        for (unsigned c = 0; c < cols; ++c) out.lane[c * rows + r] = v.lane[r * cols + c];
    return out;
}

template <typename T, unsigned Elems>
vector<T, Elems> reverse(const vector<T, Elems> &v) {
    vector<T, Elems> out;
    for (unsigned i = 0; i < Elems; ++i) out.lane[i] = v.lane[Elems - 1 - i];
    return out;
}

template <typename T, unsigned Elems>
vector<T, Elems> shuffle_up_rotate(const vector<T, Elems> &v, unsigned n) {
    vector<T, Elems> out;
    for (unsigned i = 0; i < Elems; ++i) out.lane[(i + n) % Elems] = v.lane[i];
    return out;
}

template <typename T, unsigned Elems>
vector<T, Elems> shuffle_down_rotate(const vector<T, Elems> &v, unsigned n) {
    vector<T, Elems> out;
    for (unsigned i = 0; i < Elems; ++i) out.lane[i] = v.lane[(i + n) % Elems];
    return out;
}

// Lane n and up are v's first lanes; below are the last n lanes of fill.
template <typename T, unsigned Elems>
vector<T, Elems> shuffle_up_fill(const vector<T, Elems> &v, const vector<T, Elems> &fill, unsigned n) {
    n = detail::checked_index(n, Elems + 1);
    vector<T, Elems> out;
    for (unsigned i = 0; i < Elems; ++i) out.lane[i] = i < n ? fill.lane[Elems - n + i] : v.lane[i - n];
    return out;
}

// Lanes of v from n on; after them the first n lanes of fill.
template <typename T, unsigned Elems>
vector<T, Elems> shuffle_down_fill(const vector<T, Elems> &v, const vector<T, Elems> &fill, unsigned n) {
    n = detail::checked_index(n, Elems + 1);
    vector<T, Elems> out;
    for (unsigned i = 0; i < Elems; ++i) out.lane[i] = i + n < Elems ? v.lane[i + n] : fill.lane[i + n - Elems];
    return out;
}

// The hardware leaves the vacated lanes undefined; we rotate, which is one of the things it may do.
template <typename T, unsigned Elems>
vector<T, Elems> shuffle_up(const vector<T, Elems> &v, unsigned n) { return shuffle_up_rotate(v, n); }
template <typename T, unsigned Elems>
vector<T, Elems> shuffle_down(const vector<T, Elems> &v, unsigned n) { return shuffle_down_rotate(v, n); }

template <typename T, unsigned Elems>
vector<T, Elems> shuffle_up_replicate(const vector<T, Elems> &v, unsigned n) {
    n = detail::checked_index(n, Elems + 1);
    vector<T, Elems> out;
    for (unsigned i = 0; i < Elems; ++i) out.lane[i] = v.lane[i < n ? 0 : i - n];
    return out;
}

template <typename T, unsigned Elems>
vector<T, Elems> shuffle_down_replicate(const vector<T, Elems> &v, unsigned n) {
    n = detail::checked_index(n, Elems + 1);
    vector<T, Elems> out;
    for (unsigned i = 0; i < Elems; ++i) out.lane[i] = v.lane[i + n < Elems ? i + n : Elems - 1];
    return out;
}

}  // namespace aie
