// The API's helpers for people. A core has no terminal: what is printed goes nowhere, here as there.
#pragma once

#include "aie.hpp"

namespace aie {

template <typename V>
void print(const V &, [[maybe_unused]] bool newline = false, [[maybe_unused]] const char *prefix = nullptr) {}
template <typename T, unsigned Elems>
void print_fixed(const vector<T, Elems> &, [[maybe_unused]] int scale, [[maybe_unused]] bool newline = false,
                 [[maybe_unused]] const char *prefix = nullptr) {}
template <typename M>
void print_matrix(const M &, [[maybe_unused]] unsigned columns, [[maybe_unused]] const char *prefix = nullptr) {}

// An index that goes round: 0 to Max - 1, and on at 0.
template <unsigned Max = unsigned(-1)>
class circular_index {
public:
    circular_index()
        requires(Max != unsigned(-1))
    = default;
    explicit circular_index(unsigned max)
        requires(Max == unsigned(-1))
        : max_(max) {}

    operator unsigned() const { return at_; }
    circular_index &operator++() {
        at_ = at_ + 1 < max_ ? at_ + 1 : 0;
        return *this;
    }
    circular_index operator++(int) {
        const circular_index before = *this;
        ++*this;
        return before;
    }

private:
    unsigned at_ = 0, max_ = Max;
};

}  // namespace aie
