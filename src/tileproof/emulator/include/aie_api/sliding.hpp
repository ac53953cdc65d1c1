// sliding_mul: lane l is the sum over p of coeff[start + p CoeffStep] * data[start + l DataStepY + p DataStepX]. Both
// indices wrap around their vectors. Integers only.
#pragma once

#include "mmul_shapes.hpp"

namespace aie {

namespace detail {

enum class sliding { mul, mac, negmul };

template <sliding Kind, unsigned Lanes, unsigned Points, int CoeffStep, int DataStepX, int DataStepY, unsigned CoeffElems,
          unsigned DataElems, typename C, typename D, typename Element>
TILEPROOF_UNWATCHED void slide(const C *coeff, unsigned coeff_start, const D *data, unsigned data_start,
                               const Element *acc, Element *__restrict to) {
    issue<Kind == sliding::mac ? instruction::vmac : instruction::vmul,
          divided_up(Lanes * Points, macs_per_cycle<C, D>()), 16, argument(5),
          argument(0) | argument(2) | (Kind == sliding::mac ? argument(4) : 0), Lanes * Points>();
    for (unsigned l = 0; l < Lanes; ++l) {
        Element sum = Kind == sliding::mac ? acc[l] : Element(0);
        for (unsigned p = 0; p < Points; ++p) {
            const C c = coeff[(coeff_start + p * unsigned(CoeffStep)) % CoeffElems];
            const D d = data[(data_start + l * unsigned(DataStepY) + p * unsigned(DataStepX)) % DataElems];
            sum = wrapping_add::of(sum, product<Element>(c, d));
        }
        to[l] = Kind == sliding::negmul ? wrapping_neg::of(sum) : sum;
    }
}

}  // namespace detail

template <unsigned Lanes, unsigned Points, int CoeffStep, int DataStepX, int DataStepY, typename CoeffType,
          typename DataType, typename AccumTag = accauto>
struct sliding_mul_ops {
    static_assert(detail::check_element<CoeffType>::value && detail::check_element<DataType>::value);
    static_assert(detail::is_integer<CoeffType> && detail::is_integer<DataType>,
                  "tileproof's aie::sliding_mul is for integers: no bfloat16 and no float");
    static_assert(CoeffStep == 1 || CoeffStep == 2, "aie::sliding_mul: CoeffStep is 1 or 2 on AIE2 and AIE2P");
    static_assert((DataStepX == 1 || DataStepX == 2) && DataStepX == DataStepY,
                  "aie::sliding_mul: DataStepX and DataStepY are both 1 or both 2 on AIE2 and AIE2P");

    using coeff_type = CoeffType;
    using data_type = DataType;
    using tag = detail::product_tag<AccumTag, CoeffType, DataType>;
    using accum_type = accum<tag, Lanes>;
    static constexpr unsigned lanes = Lanes, points = Points;

    template <unsigned CoeffElems, unsigned DataElems>
    TILEPROOF_INLINE static accum_type mul(const vector<CoeffType, CoeffElems> &coeff, unsigned coeff_start,
                                           const vector<DataType, DataElems> &data, unsigned data_start) {
        return run<detail::sliding::mul>(nullptr, coeff, coeff_start, data, data_start);
    }
    template <unsigned CoeffElems, unsigned DataElems>
    TILEPROOF_INLINE static accum_type mac(const accum_type &acc, const vector<CoeffType, CoeffElems> &coeff,
                                           unsigned coeff_start, const vector<DataType, DataElems> &data,
                                           unsigned data_start) {
        return run<detail::sliding::mac>(acc.lane, coeff, coeff_start, data, data_start);
    }
    template <unsigned CoeffElems, unsigned DataElems>
    TILEPROOF_INLINE static accum_type negmul(const vector<CoeffType, CoeffElems> &coeff, unsigned coeff_start,
                                              const vector<DataType, DataElems> &data, unsigned data_start) {
        return run<detail::sliding::negmul>(nullptr, coeff, coeff_start, data, data_start);
    }

private:
    template <detail::sliding Kind, unsigned CoeffElems, unsigned DataElems>
    TILEPROOF_INLINE static accum_type run(const typename accum_type::element *acc,
                                           const vector<CoeffType, CoeffElems> &coeff, unsigned coeff_start,
                                           const vector<DataType, DataElems> &data, unsigned data_start) {
        static_assert(CoeffElems * sizeof(CoeffType) <= 64, "aie::sliding_mul: coefficients have at most 512 bits");
        accum_type out;
        detail::slide<Kind, Lanes, Points, CoeffStep, DataStepX, DataStepY, CoeffElems, DataElems>(
            coeff.lane, coeff_start, data.lane, data_start, acc, out.lane);
        return out;
    }
};

template <unsigned Lanes, unsigned Points, int CoeffStep, int DataStepX, typename CoeffType, typename DataType,
          typename AccumTag = accauto>
using sliding_mul_x_ops = sliding_mul_ops<Lanes, Points, CoeffStep, DataStepX, 1, CoeffType, DataType, AccumTag>;
template <unsigned Lanes, unsigned Points, int CoeffStep, int DataStepY, typename CoeffType, typename DataType,
          typename AccumTag = accauto>
using sliding_mul_y_ops = sliding_mul_ops<Lanes, Points, CoeffStep, 1, DataStepY, CoeffType, DataType, AccumTag>;
template <unsigned Lanes, unsigned Points, int CoeffStep, int DataStepXY, typename CoeffType, typename DataType,
          typename AccumTag = accauto>
using sliding_mul_xy_ops = sliding_mul_ops<Lanes, Points, CoeffStep, DataStepXY, DataStepXY, CoeffType, DataType, AccumTag>;

template <unsigned Lanes, unsigned Points, int CoeffStep = 1, int DataStepX = 1, int DataStepY = 1,
          typename AccumTag = accauto, typename C, unsigned CoeffElems, typename D, unsigned DataElems>
TILEPROOF_INLINE auto sliding_mul(const vector<C, CoeffElems> &coeff, unsigned coeff_start,
                                  const vector<D, DataElems> &data, unsigned data_start) {
    return sliding_mul_ops<Lanes, Points, CoeffStep, DataStepX, DataStepY, C, D, AccumTag>::mul(coeff, coeff_start, data,
                                                                                               data_start);
}

template <unsigned Lanes, unsigned Points, int CoeffStep = 1, int DataStepX = 1, int DataStepY = 1, typename Tag,
          typename C, unsigned CoeffElems, typename D, unsigned DataElems>
TILEPROOF_INLINE auto sliding_mac(const accum<Tag, Lanes> &acc, const vector<C, CoeffElems> &coeff, unsigned coeff_start,
                                  const vector<D, DataElems> &data, unsigned data_start) {
    return sliding_mul_ops<Lanes, Points, CoeffStep, DataStepX, DataStepY, C, D, Tag>::mac(acc, coeff, coeff_start, data,
                                                                                          data_start);
}

}  // namespace aie
