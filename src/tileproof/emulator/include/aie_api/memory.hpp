// Loads, stores and iterators. The aligned ones report an address the hardware would silently truncate.
#pragma once

#include <cstddef>

#include "vector.hpp"

namespace aie {

namespace detail {

TILEPROOF_INLINE void check_alignment(const void *address, unsigned bytes) {
    const unsigned needed = load_alignment(bytes);
    if (reinterpret_cast<uintptr_t>(address) & (needed - 1)) [[unlikely]]
        tileproof_misaligned(address, needed, bytes);
}

}  // namespace detail

template <unsigned Elems, typename T>
TILEPROOF_INLINE vector<std::remove_cv_t<T>, Elems> load_unaligned_v(const T *p, [[maybe_unused]] unsigned aligned = 1) {
    vector<std::remove_cv_t<T>, Elems> out;
    std::memcpy(out.lane, p, sizeof(out.lane));
    return out;
}

template <unsigned Elems, typename T>
TILEPROOF_INLINE vector<std::remove_cv_t<T>, Elems> load_v(const T *p) {
    detail::check_alignment(p, Elems * sizeof(T));
    return load_unaligned_v<Elems>(p);
}

// From the aligned address at or below p: what the hardware does to a misaligned load, asked for by name.
template <unsigned Elems, typename T>
TILEPROOF_INLINE vector<std::remove_cv_t<T>, Elems> load_floor_v(const T *p) {
    const uintptr_t below = reinterpret_cast<uintptr_t>(p) & ~uintptr_t(detail::load_alignment(Elems * sizeof(T)) - 1);
    return load_unaligned_v<Elems>(reinterpret_cast<const T *>(below));
}

template <typename T, unsigned Elems>
TILEPROOF_INLINE T *store_unaligned_v(T *p, const vector<T, Elems> &v, [[maybe_unused]] unsigned aligned = 1) {
    std::memcpy(p, v.lane, sizeof(v.lane));
    return p;
}

template <typename T, unsigned Elems>
TILEPROOF_INLINE T *store_v(T *p, const vector<T, Elems> &v) {
    detail::check_alignment(p, sizeof(v.lane));
    return store_unaligned_v(p, v);
}

namespace detail {

// A random access iterator over whole vectors. Writing goes through a proxy, so that a store is checked like a load.
template <typename T, unsigned Elems, bool Aligned>
class vector_iterator {
public:
    using element = std::remove_const_t<T>;
    using value_type = vector<element, Elems>;
    using difference_type = ptrdiff_t;

    class reference {
    public:
        explicit reference(T *p) : p_(p) {}
        operator value_type() const {
            if constexpr (Aligned) check_alignment(p_, sizeof(value_type));
            return load_unaligned_v<Elems>(p_);
        }
        const reference &operator=(const value_type &v) const
            requires(!std::is_const_v<T>)
        {
            if constexpr (Aligned) check_alignment(p_, sizeof(value_type));
            store_unaligned_v(p_, v);
            return *this;
        }
        const reference &operator=(const reference &other) const
            requires(!std::is_const_v<T>)
        {
            return *this = value_type(other);
        }
        reference(const reference &) = default;

    private:
        T *p_;
    };

    explicit vector_iterator(T *p) : p_(p) {}
    // A const iterator yields vectors, so that `auto v = *it` is a copy and not a promise to load later.
    auto operator*() const {
        if constexpr (std::is_const_v<T>)
            return value_type(reference(p_));
        else
            return reference(p_);
    }
    auto operator[](difference_type i) const { return *(*this + i); }
    vector_iterator &operator++() { return *this += 1; }
    vector_iterator operator++(int) { vector_iterator before = *this; *this += 1; return before; }
    vector_iterator &operator--() { return *this -= 1; }
    vector_iterator operator--(int) { vector_iterator before = *this; *this -= 1; return before; }
    vector_iterator &operator+=(difference_type n) { p_ += n * difference_type(Elems); return *this; }
    vector_iterator &operator-=(difference_type n) { return *this += -n; }
    friend vector_iterator operator+(vector_iterator it, difference_type n) { return it += n; }
    friend vector_iterator operator-(vector_iterator it, difference_type n) { return it -= n; }
    friend difference_type operator-(const vector_iterator &a, const vector_iterator &b) {
        return (a.p_ - b.p_) / difference_type(Elems);
    }
    friend bool operator==(const vector_iterator &a, const vector_iterator &b) { return a.p_ == b.p_; }

private:
    T *p_;
};

}  // namespace detail

// On the host `restrict` promises nothing, so the restrict iterators are the plain ones.
template <unsigned Elems, typename T>
auto begin_vector(T *p) { return detail::vector_iterator<T, Elems, true>(p); }
template <unsigned Elems, typename T>
auto begin_restrict_vector(T *p) { return detail::vector_iterator<T, Elems, true>(p); }
template <unsigned Elems, typename T>
auto cbegin_vector(const T *p) { return detail::vector_iterator<const T, Elems, true>(p); }
template <unsigned Elems, typename T>
auto cbegin_restrict_vector(const T *p) { return detail::vector_iterator<const T, Elems, true>(p); }
template <unsigned Elems, typename T>
auto begin_unaligned_vector(T *p) { return detail::vector_iterator<T, Elems, false>(p); }
template <unsigned Elems, typename T>
auto cbegin_unaligned_vector(const T *p) { return detail::vector_iterator<const T, Elems, false>(p); }

}  // namespace aie
