// aie::vector, and how vectors are taken apart and put together.
#pragma once

#include "mask.hpp"
#include "rounding.hpp"

namespace aie {

namespace detail {

template <typename T>
TILEPROOF_UNWATCHED T get_lane(const T *lane, unsigned i) {
    issue<instruction::vextract, 1, 16, 0, argument(0)>();
    return lane[i];
}
template <typename T>
TILEPROOF_UNWATCHED void set_lane(T *lane, unsigned i, T value) {
    issue<instruction::vinsert, 1, 16, argument(0), argument(0)>();
    lane[i] = value;
}

template <typename T>
struct twice_as_wide { using type = void; };
template <> struct twice_as_wide<int8_t> { using type = int16_t; };
template <> struct twice_as_wide<int16_t> { using type = int32_t; };
template <> struct twice_as_wide<uint8_t> { using type = uint16_t; };
template <> struct twice_as_wide<uint16_t> { using type = uint32_t; };

template <typename T>
struct half_as_wide { using type = void; };
template <> struct half_as_wide<int16_t> { using type = int8_t; };
template <> struct half_as_wide<int32_t> { using type = int16_t; };
template <> struct half_as_wide<uint16_t> { using type = uint8_t; };
template <> struct half_as_wide<uint32_t> { using type = uint16_t; };

template <typename To>
struct convert_to {
    template <typename T>
    TILEPROOF_INLINE static To of(T a) { return To(a); }
};

template <unsigned Elems, typename T, typename U>
TILEPROOF_UNWATCHED void pack_lanes(const T *from, U *__restrict to) {
    using wide = std::conditional_t<sizeof(T) == 4 && std::is_unsigned_v<T>, int64_t, int32_t>;
    issue<instruction::vpack, in_vectors<U>(Elems), Elems * sizeof(U), argument(1), argument(0)>();
    check_set<Elems * sizeof(T)>(from, __builtin_return_address(0));
    const clamp_range<wide, U> clamped(tileproof_core_state.saturation);
    for (unsigned i = 0; i < Elems; ++i) to[i] = clamped(wide(from[i]));
}

template <typename T, unsigned Elems>
TILEPROOF_UNWATCHED void push_lane(T *lane, T value) {
    issue<instruction::vinsert, in_vectors<T>(Elems), Elems * sizeof(T), argument(0), argument(0)>();
    for (unsigned i = Elems - 1; i > 0; --i) lane[i] = lane[i - 1];
    lane[0] = value;
}

}  // namespace detail

// v[i] of a vector that may change: a lane to read and to write.
template <typename T, unsigned Elems>
class vector_elem_ref {
public:
    using value_type = T;
    static constexpr bool refers_to_lane = true;

    vector_elem_ref(T *lane, unsigned i) : lane_(lane), i_(i) {}
    vector_elem_ref(const vector_elem_ref &) = default;

    T get() const { return detail::get_lane(lane_, i_); }
    operator std::conditional_t<std::is_same_v<T, bfloat16>, float, T>() const { return get(); }

    const vector_elem_ref &operator=(T value) const {
        detail::set_lane(lane_, i_, value);
        return *this;
    }
    const vector_elem_ref &operator=(const vector_elem_ref &other) const { return *this = other.get(); }
    vector_elem_ref &operator=(const vector_elem_ref &other) {
        detail::set_lane(lane_, i_, other.get());
        return *this;
    }
    const vector_elem_ref &operator+=(T value) const { return *this = T(get() + value); }
    const vector_elem_ref &operator-=(T value) const { return *this = T(get() - value); }
    const vector_elem_ref &operator*=(T value) const { return *this = T(get() * value); }

private:
    T *lane_;
    unsigned i_;
};

template <typename T, unsigned Elems>
class vector {
    static_assert(detail::check_element<T>::value);
    static_assert(detail::is_vector_bits(Elems * sizeof(T) * 8),
                  "an aie::vector has 128, 256, 512, 1024 or 2048 bits: choose another number of elements");

public:
    using value_type = T;
    T lane[Elems];  // not in the real API: a host array instead of a register

    static constexpr unsigned size() { return Elems; }
    static constexpr unsigned type_bits() { return sizeof(T) * 8; }
    static constexpr unsigned bits() { return Elems * type_bits(); }
    static constexpr unsigned bytes() { return bits() / 8; }
    static constexpr bool is_signed() { return std::is_signed_v<T> || detail::is_floating<T>; }
    static constexpr bool is_floating_point() { return detail::is_floating<T>; }

    vector() { detail::mark_unset<sizeof(lane)>(lane); }
    explicit vector(detail::unset_type) {}  // not in the real API
    vector(const detail::native_vector<T, Elems> &v) { detail::copy_register<sizeof(lane)>(lane, v.lane); }
    // Lanes that no value is given for are undefined: see grow.
    template <typename... Rest>
        requires(sizeof...(Rest) < Elems && (std::is_convertible_v<Rest, T> && ...))
    explicit vector(T first, Rest... rest) {
        if constexpr (sizeof...(Rest) + 1 < Elems) detail::fill_undefined<sizeof(lane)>(lane);
        const T given[] = {first, T(rest)...};
        detail::copy_register<sizeof given>(lane, given);
    }

    TILEPROOF_INLINE vector_elem_ref<T, Elems> operator[](unsigned i) { return {lane, detail::checked_index(i, Elems)}; }
    TILEPROOF_INLINE T operator[](unsigned i) const { return get(i); }
    TILEPROOF_INLINE vector_elem_ref<T, Elems> elem_ref(unsigned i) { return (*this)[i]; }
    TILEPROOF_INLINE T get(unsigned i) const { return detail::get_lane(lane, detail::checked_index(i, Elems)); }
    TILEPROOF_INLINE void set(T value, unsigned i) { detail::set_lane(lane, detail::checked_index(i, Elems), value); }

    // The new element becomes the first; the last one falls out.
    vector &push(T value) {
        detail::push_lane<T, Elems>(lane, value);
        return *this;
    }

    template <unsigned Part>
    TILEPROOF_INLINE vector<T, Part> extract(unsigned i) const {
        static_assert(Part <= Elems, "extract cannot make a vector larger: use grow");
        vector<T, Part> out(detail::unset);
        // A register of 512 bits is two of 256 bits: only smaller parts have to be moved.
        if constexpr (Part < Elems && Part * sizeof(T) < 32) detail::issue<detail::instruction::vshuffle, 1>();
        detail::copy_register<sizeof(out.lane)>(out.lane, lane + detail::checked_index(i, Elems / Part) * Part);
        return out;
    }

    template <unsigned Part>
    TILEPROOF_INLINE vector &insert(unsigned i, const vector<T, Part> &part) {
        static_assert(Part <= Elems, "insert: the part is larger than the vector");
        if constexpr (Part < Elems && Part * sizeof(T) < 32) detail::issue<detail::instruction::vshuffle, 1>();
        detail::copy_register<sizeof(part.lane)>(lane + detail::checked_index(i, Elems / Part) * Part, part.lane);
        return *this;
    }

    // The new elements are undefined.
    template <unsigned Larger>
    TILEPROOF_INLINE vector<T, Larger> grow(unsigned i = 0) const {
        static_assert(Larger >= Elems, "grow cannot make a vector smaller: use extract");
        vector<T, Larger> out(detail::unset);
        if constexpr (Larger > Elems) detail::fill_undefined<sizeof(out.lane)>(out.lane);
        out.insert(i, *this);
        return out;
    }

    template <unsigned Larger>
    vector<T, Larger> grow_replicate() const {
        static_assert(Larger >= Elems, "grow_replicate cannot make a vector smaller: use extract");
        vector<T, Larger> out(detail::unset);
        for (unsigned i = 0; i < Larger / Elems; ++i) out.insert(i, *this);
        return out;
    }

    // The part if it is smaller than this vector, this vector grown if it is larger.
    template <unsigned Other>
    TILEPROOF_INLINE vector<T, Other> grow_extract(unsigned i) const {
        if constexpr (Other <= Elems)
            return extract<Other>(i);
        else
            return grow<Other>();
    }

    template <typename U>
    vector<U, Elems * sizeof(T) / sizeof(U)> cast_to() const { return reinterpreted<U>(); }

    template <typename U>
    TILEPROOF_INLINE vector<U, Elems * sizeof(T) / sizeof(U)> reinterpreted() const {  // cast_to, for grow
        vector<U, Elems * sizeof(T) / sizeof(U)> out(detail::unset);
        detail::copy_register<sizeof(lane)>(out.lane, lane);
        return out;
    }

    template <typename U = typename detail::twice_as_wide<T>::type>
    vector<U, Elems> unpack() const {
        static_assert(detail::is_integer<T> && detail::is_integer<U> && sizeof(U) > sizeof(T),
                      "unpack is for integers and needs a wider element type");
        vector<U, Elems> out(detail::unset);
        detail::each<detail::convert_to<U>, Elems, detail::instruction::vunpack, detail::in_vectors<U>(Elems)>(
            out.lane, detail::lanes<T>{lane});
        return out;
    }

    // Narrows as SRS does with shift 0: the saturation mode of the core decides between clamp and wrap.
    template <typename U = typename detail::half_as_wide<T>::type>
    vector<U, Elems> pack() const {
        static_assert(detail::is_integer<T> && detail::is_integer<U> && sizeof(U) < sizeof(T),
                      "pack is for integers and needs a narrower element type");
        vector<U, Elems> out(detail::unset);
        detail::pack_lanes<Elems>(lane, out.lane);
        return out;
    }
};

template <typename T, unsigned Elems, typename... Rest>
TILEPROOF_INLINE vector<T, Elems *(1 + sizeof...(Rest))> concat(const vector<T, Elems> &first, const Rest &...rest) {
    static_assert((std::is_same_v<Rest, vector<T, Elems>> && ...), "concat joins vectors of one type and size");
    vector<T, Elems *(1 + sizeof...(Rest))> out(detail::unset);
    unsigned i = 0;
    out.insert(i++, first);
    (out.insert(i++, rest), ...);
    return out;
}

template <typename U, typename T, unsigned Elems>
auto vector_cast(const vector<T, Elems> &v) { return v.template cast_to<U>(); }

template <typename U, typename T, unsigned Elems>
auto unpack(const vector<T, Elems> &v) { return v.template unpack<U>(); }
template <typename T, unsigned Elems>
auto unpack(const vector<T, Elems> &v) { return v.unpack(); }
template <typename U, typename T, unsigned Elems>
auto pack(const vector<T, Elems> &v) { return v.template pack<U>(); }
template <typename T, unsigned Elems>
auto pack(const vector<T, Elems> &v) { return v.pack(); }

// --- operands: a vector, or a scalar that every lane sees

namespace detail {

template <typename V>
struct is_vector : std::false_type {};
template <typename T, unsigned Elems>
struct is_vector<vector<T, Elems>> : std::true_type {};

template <typename V>
struct is_lane_reference : std::false_type {};
template <typename T, unsigned Elems>
struct is_lane_reference<vector_elem_ref<T, Elems>> : std::true_type {};

template <typename V>
inline constexpr bool is_scalar = std::is_arithmetic_v<V> || std::is_same_v<V, bfloat16> || is_lane_reference<V>::value;

template <typename V>
struct scalar_of { using type = V; };
template <typename T, unsigned Elems>
struct scalar_of<vector<T, Elems>> { using type = T; };
template <typename T, unsigned Elems>
struct scalar_of<vector_elem_ref<T, Elems>> { using type = T; };
template <typename V>
using scalar_of_t = typename scalar_of<V>::type;

template <typename T, unsigned Elems>
TILEPROOF_INLINE lanes<T> lanes_of(const vector<T, Elems> &v) { return {v.lane}; }
template <typename V>
    requires(is_scalar<V>)
TILEPROOF_INLINE same<scalar_of_t<V>> lanes_of(const V &scalar) { return {scalar_of_t<V>(scalar)}; }

// The same, a scalar first converted to the vector's element type.
template <typename T, unsigned Elems>
TILEPROOF_INLINE lanes<T> lanes_as(const vector<T, Elems> &v) { return {v.lane}; }
template <typename T, typename V>
    requires(is_scalar<V>)
TILEPROOF_INLINE same<T> lanes_as(const V &scalar) { return {T(scalar_of_t<V>(scalar))}; }

template <typename A, typename B>
constexpr unsigned size_of_either() {
    if constexpr (is_vector<A>::value)
        return A::size();
    else
        return B::size();
}

// Two vectors of one size, or a vector and a scalar of an element type.
template <typename A, typename B>
concept LaneOperands =
    is_element<scalar_of_t<A>> && is_element<scalar_of_t<B>> && (is_vector<A>::value || is_vector<B>::value) &&
    (is_vector<A>::value || is_scalar<A>) && (is_vector<B>::value || is_scalar<B>) &&
    (!is_vector<A>::value || !is_vector<B>::value || size_of_either<A, B>() == size_of_either<B, A>());

// One side of `c ? value : other`, as the type that a choice has between a builtin bfloat16 and another number: the
// other's where that is a float, else bfloat16. toolchain/choices.py writes it.
template <typename Other, typename T>
TILEPROOF_INLINE auto beside(const T &value) {
    using mine = scalar_of_t<T>;
    using others = scalar_of_t<std::remove_cvref_t<Other>>;
    if constexpr (std::is_same_v<mine, bfloat16> && std::is_floating_point_v<others>)
        return others(float(value));
    else if constexpr (std::is_integral_v<mine> && std::is_same_v<others, bfloat16>)
        return bfloat16(float(value));
    else if constexpr (is_scalar<T>)
        return mine(value);
    else
        return value;
}

// Two vectors of one type, or a vector and a scalar of its element type.
template <typename A, typename B>
concept SameLanes = (is_vector<A>::value && is_scalar<B>) || (is_scalar<A> && is_vector<B>::value) ||
                    (is_vector<A>::value && std::is_same_v<A, B>);
template <typename A, typename B>
struct vector_of_either {
    static_assert(std::is_same_v<scalar_of_t<A>, scalar_of_t<B>>,
                  "a vector and a scalar of another type, which the API does not convert: write int16(x), bfloat16(x)");
    using type = std::conditional_t<is_vector<A>::value, A, B>;
};
template <typename A, typename B>
using either_vector = typename vector_of_either<A, B>::type;

}  // namespace detail

}  // namespace aie
