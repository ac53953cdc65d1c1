// Moving lanes: interleave, transpose, shuffle, filter, reverse. No arithmetic here, and no difference between types.
#pragma once

#include <utility>

#include "iterator.hpp"

namespace aie {

namespace detail {

// nbytes is a power of two.
TILEPROOF_INLINE void copy_chunk(void *to, const void *from, unsigned nbytes) {
    unsigned char *target = static_cast<unsigned char *>(to);
    const unsigned char *source = static_cast<const unsigned char *>(from);
    switch (nbytes) {
        case 1: return copy_whole<1>(target, source);
        case 2: return copy_whole<2>(target, source);
        case 4: return copy_whole<4>(target, source);
        case 8: return copy_whole<8>(target, source);
        default:
            for (unsigned i = 0; i < nbytes; i += 16) copy_whole<16>(target + i, source + i);
    }
}

// Lane `at` of two vectors that follow each other.
template <unsigned Elems, typename T>
TILEPROOF_INLINE T *lane_of_two(T *first, T *second, unsigned at) {
    return at < Elems ? first + at : second + (at - Elems);
}

template <unsigned Elems, typename T>
TILEPROOF_UNWATCHED void zip_lanes(const T *v, const T *w, T *first, T *second, unsigned chunk) {
    issue<instruction::vshuffle, 2 * in_vectors<T>(Elems), Elems * sizeof(T), argument(2) | argument(3),
          argument(0) | argument(1)>();
    for (unsigned i = 0; i < Elems; i += chunk) {
        copy_chunk(lane_of_two<Elems>(first, second, 2 * i), v + i, chunk * sizeof(T));
        copy_chunk(lane_of_two<Elems>(first, second, 2 * i + chunk), w + i, chunk * sizeof(T));
    }
}

template <unsigned Elems, typename T>
TILEPROOF_UNWATCHED void unzip_lanes(const T *v, const T *w, T *first, T *second, unsigned chunk) {
    issue<instruction::vshuffle, 2 * in_vectors<T>(Elems), Elems * sizeof(T), argument(2) | argument(3),
          argument(0) | argument(1)>();
    for (unsigned i = 0; i < Elems; i += chunk) {
        copy_chunk(first + i, lane_of_two<Elems>(v, w, 2 * i), chunk * sizeof(T));
        copy_chunk(second + i, lane_of_two<Elems>(v, w, 2 * i + chunk), chunk * sizeof(T));
    }
}

template <unsigned Elems, typename T>
TILEPROOF_UNWATCHED void filter_lanes(const T *v, T *to, unsigned chunk, unsigned first) {
    issue<instruction::vshuffle, in_vectors<T>(Elems / 2), Elems / 2 * sizeof(T), argument(1), argument(0)>();
    for (unsigned i = 0; i < Elems / 2; i += chunk) copy_chunk(to + i, v + 2 * i + first * chunk, chunk * sizeof(T));
}

template <unsigned Elems, typename T>
TILEPROOF_UNWATCHED void transpose_lanes(const T *v, T *__restrict to, unsigned rows, unsigned cols) {
    issue<instruction::vshuffle, in_vectors<T>(Elems), Elems * sizeof(T), argument(1), argument(0)>();
    for (unsigned r = 0; r < rows; ++r)
        for (unsigned c = 0; c < cols; ++c) to[c * rows + r] = v[r * cols + c];
}

template <unsigned Elems, typename T>
TILEPROOF_UNWATCHED void reverse_lanes(const T *v, T *__restrict to) {
    issue<instruction::vshuffle, in_vectors<T>(Elems), Elems * sizeof(T), argument(1), argument(0)>();
    for (unsigned i = 0; i < Elems; ++i) to[i] = v[Elems - 1 - i];
}

// Lanes n, n+1, ... of v; where v ends, those of fill from its beginning. Or downwards from Elems - n with fill first.
template <unsigned Elems, typename T>
TILEPROOF_UNWATCHED void shift_lanes(const T *v, const T *fill, T *__restrict to, unsigned n) {
    issue<instruction::vshuffle, in_vectors<T>(Elems), Elems * sizeof(T), argument(2), argument(0) | argument(1)>();
    for (unsigned i = 0; i + n < Elems; ++i) to[i] = v[i + n];
    for (unsigned i = Elems - n; i < Elems; ++i) to[i] = fill[i + n - Elems];
}

template <unsigned Elems, typename T>
TILEPROOF_UNWATCHED void replicate_lanes(const T *v, T *__restrict to, int n) {
    issue<instruction::vshuffle, in_vectors<T>(Elems), Elems * sizeof(T), argument(1), argument(0)>();
    for (int i = 0; i < int(Elems); ++i) {
        const int from = i + n;
        to[i] = v[from < 0 ? 0 : from < int(Elems) ? from : int(Elems) - 1];
    }
}

}  // namespace detail

// { v chunk 0, w chunk 0, v chunk 1, w chunk 1, ... }, as two vectors.
template <typename T, unsigned Elems>
TILEPROOF_INLINE std::pair<vector<T, Elems>, vector<T, Elems>> interleave_zip(const vector<T, Elems> &v,
                                                                             const vector<T, Elems> &w, unsigned chunk) {
    std::pair<vector<T, Elems>, vector<T, Elems>> out;
    detail::zip_lanes<Elems>(v.lane, w.lane, out.first.lane, out.second.lane,
                             detail::checked_chunk(chunk, Elems));
    return out;
}

// Of v followed by w: the even chunks, and the odd chunks.
template <typename T, unsigned Elems>
TILEPROOF_INLINE std::pair<vector<T, Elems>, vector<T, Elems>> interleave_unzip(const vector<T, Elems> &v,
                                                                               const vector<T, Elems> &w, unsigned chunk) {
    std::pair<vector<T, Elems>, vector<T, Elems>> out;
    detail::unzip_lanes<Elems>(v.lane, w.lane, out.first.lane, out.second.lane,
                             detail::checked_chunk(chunk, Elems));
    return out;
}

template <typename T, unsigned Elems>
TILEPROOF_INLINE vector<T, Elems / 2> filter_even(const vector<T, Elems> &v, unsigned chunk = 1) {
    vector<T, Elems / 2> out(detail::unset);
    detail::filter_lanes<Elems>(v.lane, out.lane, detail::checked_chunk(chunk, Elems / 2), 0);
    return out;
}

template <typename T, unsigned Elems>
TILEPROOF_INLINE vector<T, Elems / 2> filter_odd(const vector<T, Elems> &v, unsigned chunk = 1) {
    vector<T, Elems / 2> out(detail::unset);
    detail::filter_lanes<Elems>(v.lane, out.lane, detail::checked_chunk(chunk, Elems / 2), 1);
    return out;
}

// v is a row-major rows x cols matrix; the result is the row-major cols x rows one.
template <typename T, unsigned Elems>
TILEPROOF_INLINE vector<T, Elems> transpose(const vector<T, Elems> &v, unsigned rows, unsigned cols) {
    if (rows * cols != Elems) [[unlikely]] {
        tileproof_record_fault(tileproof_fault_index, nullptr, Elems + 1, rows * cols);
        rows = 1, cols = Elems;
    }
    vector<T, Elems> out(detail::unset);
    detail::transpose_lanes<Elems>(v.lane, out.lane, rows, cols);
    return out;
}

namespace detail {

// The name inside the real API that kernels of block floating point use.
template <typename T, unsigned Elems>
struct transpose {
    TILEPROOF_INLINE static vector<T, Elems> run(const vector<T, Elems> &v, unsigned rows, unsigned cols) {
        return aie::transpose(v, rows, cols);
    }
};

}  // namespace detail

template <typename T, unsigned Elems>
TILEPROOF_INLINE vector<T, Elems> reverse(const vector<T, Elems> &v) {
    vector<T, Elems> out(detail::unset);
    detail::reverse_lanes<Elems>(v.lane, out.lane);
    return out;
}

// --- up: to larger indices; down: to smaller ones

template <typename T, unsigned Elems>
TILEPROOF_INLINE vector<T, Elems> shuffle_down_rotate(const vector<T, Elems> &v, unsigned n) {
    vector<T, Elems> out(detail::unset);
    detail::shift_lanes<Elems>(v.lane, v.lane, out.lane, n % Elems);
    return out;
}
template <typename T, unsigned Elems>
TILEPROOF_INLINE vector<T, Elems> shuffle_up_rotate(const vector<T, Elems> &v, unsigned n) {
    return shuffle_down_rotate(v, Elems - n % Elems);
}

// Lanes of v from n on; after them the first n lanes of fill.
template <typename T, unsigned Elems>
TILEPROOF_INLINE vector<T, Elems> shuffle_down_fill(const vector<T, Elems> &v, const vector<T, Elems> &fill, unsigned n) {
    vector<T, Elems> out(detail::unset);
    detail::shift_lanes<Elems>(v.lane, fill.lane, out.lane, detail::checked_index(n, Elems + 1));
    return out;
}
// Lane n and up are v's first lanes; below are the last n lanes of fill.
template <typename T, unsigned Elems>
TILEPROOF_INLINE vector<T, Elems> shuffle_up_fill(const vector<T, Elems> &v, const vector<T, Elems> &fill, unsigned n) {
    return shuffle_down_fill(fill, v, Elems - detail::checked_index(n, Elems + 1));
}

// The hardware leaves the vacated lanes undefined; we rotate, which is one of the things it may do.
template <typename T, unsigned Elems>
TILEPROOF_INLINE vector<T, Elems> shuffle_up(const vector<T, Elems> &v, unsigned n) { return shuffle_up_rotate(v, n); }
template <typename T, unsigned Elems>
TILEPROOF_INLINE vector<T, Elems> shuffle_down(const vector<T, Elems> &v, unsigned n) { return shuffle_down_rotate(v, n); }

template <typename T, unsigned Elems>
TILEPROOF_INLINE vector<T, Elems> shuffle_down_replicate(const vector<T, Elems> &v, unsigned n) {
    vector<T, Elems> out(detail::unset);
    detail::replicate_lanes<Elems>(v.lane, out.lane, int(detail::checked_index(n, Elems + 1)));
    return out;
}
template <typename T, unsigned Elems>
TILEPROOF_INLINE vector<T, Elems> shuffle_up_replicate(const vector<T, Elems> &v, unsigned n) {
    vector<T, Elems> out(detail::unset);
    detail::replicate_lanes<Elems>(v.lane, out.lane, -int(detail::checked_index(n, Elems + 1)));
    return out;
}

}  // namespace aie
