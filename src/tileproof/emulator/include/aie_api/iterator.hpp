// Iterators over tile memory: of vectors, of scalars, and of buffers that wrap around.
#pragma once

#include "memory.hpp"

namespace aie {

inline constexpr size_t dynamic_extent = size_t(-1);

namespace detail {

// What a writable iterator gives: a place to load from and to store to, so that both are checked as load_v and store_v
// are. `auto v = *it` is that place and no copy yet: read it into an aie::vector before something writes there.
template <typename T, unsigned Elems, bool Aligned>
class vector_place {
public:
    using element = std::remove_const_t<T>;
    using vector_type = vector<element, Elems>;

    explicit vector_place(T *p) : p_(p) {}
    vector_place(const vector_place &) = default;

    TILEPROOF_INLINE vector_type load() const {
        if constexpr (Aligned)
            return load_v<Elems>(p_);
        else
            return load_unaligned_v<Elems>(p_);
    }
    TILEPROOF_INLINE operator vector_type() const { return load(); }

    TILEPROOF_INLINE const vector_place &operator=(const vector_type &v) const
        requires(!std::is_const_v<T>)
    {
        if constexpr (Aligned)
            store_v(p_, v);
        else
            store_unaligned_v(p_, v);
        return *this;
    }
    TILEPROOF_INLINE const vector_place &operator=(const vector_place &other) const
        requires(!std::is_const_v<T>)
    {
        return *this = other.load();
    }

private:
    T *p_;
};

// A random access iterator over whole vectors.
template <typename T, unsigned Elems, bool Aligned>
class vector_iterator {
public:
    using element = std::remove_const_t<T>;
    using value_type = vector<element, Elems>;
    using reference = vector_place<T, Elems, Aligned>;
    using difference_type = ptrdiff_t;

    explicit vector_iterator(T *p) : p_(p) {}
    // A const iterator yields vectors, so that `auto v = *it` is a copy and not a promise to load later.
    TILEPROOF_INLINE auto operator*() const {
        if constexpr (std::is_const_v<T>)
            return reference(p_).load();
        else
            return reference(p_);
    }
    TILEPROOF_INLINE auto operator[](difference_type i) const { return *(*this + i); }
    TILEPROOF_INLINE vector_iterator &operator++() { return *this += 1; }
    TILEPROOF_INLINE vector_iterator operator++(int) {
        const vector_iterator before = *this;
        *this += 1;
        return before;
    }
    TILEPROOF_INLINE vector_iterator &operator--() { return *this -= 1; }
    TILEPROOF_INLINE vector_iterator operator--(int) {
        const vector_iterator before = *this;
        *this -= 1;
        return before;
    }
    TILEPROOF_INLINE vector_iterator &operator+=(difference_type n) {
        p_ += n * difference_type(Elems);
        return *this;
    }
    TILEPROOF_INLINE vector_iterator &operator-=(difference_type n) { return *this += -n; }
    friend vector_iterator operator+(vector_iterator it, difference_type n) { return it += n; }
    friend vector_iterator operator-(vector_iterator it, difference_type n) { return it -= n; }
    friend difference_type operator-(const vector_iterator &a, const vector_iterator &b) {
        return (a.p_ - b.p_) / difference_type(Elems);
    }
    friend bool operator==(const vector_iterator &a, const vector_iterator &b) { return a.p_ == b.p_; }

private:
    T *p_;
};

// A pointer that stays within `length` elements, by steps of Step.
template <typename T, unsigned Step>
class circular_pointer {
public:
    TILEPROOF_INLINE circular_pointer(T *base, size_t length) : base_(base), length_(ptrdiff_t(length)) {
        if (length_ < ptrdiff_t(Step) || length_ % ptrdiff_t(Step)) [[unlikely]]
            tileproof_record_fault(tileproof_fault_index, base, Step, unsigned(length));
    }
    void move(ptrdiff_t steps) { at_ = ((at_ + steps * ptrdiff_t(Step)) % length_ + length_) % length_; }
    T *get() const { return base_ + at_; }

private:
    T *base_;
    ptrdiff_t length_, at_ = 0;
};

template <typename T, unsigned Elems>
class vector_circular_iterator {
public:
    TILEPROOF_INLINE vector_circular_iterator(T *base, size_t length) : at_(base, length) {}
    TILEPROOF_INLINE auto operator*() const { return *vector_iterator<T, Elems, true>(at_.get()); }
    auto operator[](ptrdiff_t i) const { return *(*this + i); }
    vector_circular_iterator &operator++() { return *this += 1; }
    vector_circular_iterator operator++(int) {
        const vector_circular_iterator before = *this;
        *this += 1;
        return before;
    }
    vector_circular_iterator &operator--() { return *this += -1; }
    vector_circular_iterator &operator+=(ptrdiff_t n) {
        at_.move(n);
        return *this;
    }
    vector_circular_iterator &operator-=(ptrdiff_t n) { return *this += -n; }
    friend vector_circular_iterator operator+(vector_circular_iterator it, ptrdiff_t n) { return it += n; }
    friend vector_circular_iterator operator-(vector_circular_iterator it, ptrdiff_t n) { return it += -n; }
    friend bool operator==(const vector_circular_iterator &a, const vector_circular_iterator &b) {
        return a.at_.get() == b.at_.get();
    }

private:
    circular_pointer<T, Elems> at_;
};

template <typename T>
class circular_iterator {
public:
    TILEPROOF_INLINE circular_iterator(T *base, size_t length) : at_(base, length) {}
    T &operator*() const { return *at_.get(); }
    T &operator[](ptrdiff_t i) const { return *(*this + i); }
    circular_iterator &operator++() { return *this += 1; }
    circular_iterator operator++(int) {
        const circular_iterator before = *this;
        *this += 1;
        return before;
    }
    circular_iterator &operator--() { return *this += -1; }
    circular_iterator &operator+=(ptrdiff_t n) {
        at_.move(n);
        return *this;
    }
    circular_iterator &operator-=(ptrdiff_t n) { return *this += -n; }
    friend circular_iterator operator+(circular_iterator it, ptrdiff_t n) { return it += n; }
    friend circular_iterator operator-(circular_iterator it, ptrdiff_t n) { return it += -n; }
    friend bool operator==(const circular_iterator &a, const circular_iterator &b) { return a.at_.get() == b.at_.get(); }

private:
    circular_pointer<T, 1> at_;
};

}  // namespace detail

// On the host `restrict` promises nothing, so the restrict iterators are the plain ones.
#define TILEPROOF_VECTOR_ITERATOR(NAME, ELEMENT, ALIGNED)                          \
    template <unsigned Elems, aie_dm_resource = aie_dm_resource::none, typename T> \
    TILEPROOF_INLINE auto NAME(ELEMENT *p) {                                       \
        return detail::vector_iterator<ELEMENT, Elems, ALIGNED>(p);                \
    }                                                                              \
    template <unsigned Elems, aie_dm_resource = aie_dm_resource::none, typename T> \
    TILEPROOF_INLINE auto NAME(ELEMENT *p, [[maybe_unused]] size_t n) {            \
        return detail::vector_iterator<ELEMENT, Elems, ALIGNED>(p);                \
    }
TILEPROOF_VECTOR_ITERATOR(begin_vector, T, true)
TILEPROOF_VECTOR_ITERATOR(begin_restrict_vector, T, true)
TILEPROOF_VECTOR_ITERATOR(cbegin_vector, const T, true)
TILEPROOF_VECTOR_ITERATOR(cbegin_restrict_vector, const T, true)
TILEPROOF_VECTOR_ITERATOR(begin_unaligned_vector, T, false)
TILEPROOF_VECTOR_ITERATOR(cbegin_unaligned_vector, const T, false)
#undef TILEPROOF_VECTOR_ITERATOR

// Of a buffer whose length is known to the compiler, or passed: `begin_vector_circular<8, 64>(p)`.
#define TILEPROOF_CIRCULAR(NAME, ELEMENT)                                                                               \
    template <unsigned Elems, size_t Size = dynamic_extent, aie_dm_resource = aie_dm_resource::none, typename T>        \
    auto NAME(ELEMENT *p) {                                                                                             \
        static_assert(Size != dynamic_extent, "a circular iterator needs the length of the buffer: pass it");           \
        return detail::vector_circular_iterator<ELEMENT, Elems>(p, Size);                                               \
    }                                                                                                                   \
    template <unsigned Elems, aie_dm_resource = aie_dm_resource::none, typename T>                                      \
    auto NAME(ELEMENT *p, size_t n) {                                                                                   \
        return detail::vector_circular_iterator<ELEMENT, Elems>(p, n);                                                  \
    }
TILEPROOF_CIRCULAR(begin_vector_circular, T)
TILEPROOF_CIRCULAR(cbegin_vector_circular, const T)
TILEPROOF_CIRCULAR(begin_vector_random_circular, T)
TILEPROOF_CIRCULAR(cbegin_vector_random_circular, const T)
#undef TILEPROOF_CIRCULAR

#define TILEPROOF_SCALAR_CIRCULAR(NAME, ELEMENT)                                                  \
    template <size_t Size = dynamic_extent, aie_dm_resource = aie_dm_resource::none, typename T>  \
    auto NAME(ELEMENT *p) {                                                                       \
        static_assert(Size != dynamic_extent, "a circular iterator needs the length of the buffer: pass it"); \
        return detail::circular_iterator<ELEMENT>(p, Size);                                       \
    }                                                                                             \
    template <aie_dm_resource = aie_dm_resource::none, typename T>                                \
    auto NAME(ELEMENT *p, size_t n) {                                                             \
        return detail::circular_iterator<ELEMENT>(p, n);                                          \
    }
TILEPROOF_SCALAR_CIRCULAR(begin_circular, T)
TILEPROOF_SCALAR_CIRCULAR(cbegin_circular, const T)
TILEPROOF_SCALAR_CIRCULAR(begin_random_circular, T)
TILEPROOF_SCALAR_CIRCULAR(cbegin_random_circular, const T)
#undef TILEPROOF_SCALAR_CIRCULAR

template <typename T>
T *begin(T *p) { return p; }
template <typename T>
const T *cbegin(const T *p) { return p; }

// --- an iterator's place as an operand: it is loaded

namespace detail {

template <typename V>
struct is_place : std::false_type {};
template <typename T, unsigned Elems, bool Aligned>
struct is_place<vector_place<T, Elems, Aligned>> : std::true_type {};

template <typename V>
TILEPROOF_INLINE decltype(auto) loaded(const V &v) {
    if constexpr (is_place<V>::value)
        return v.load();
    else
        return (v);
}

template <typename... V>
concept AnyPlace = (is_place<V>::value || ...);

}  // namespace detail

}  // namespace aie
