// Streams of block vectors in tile memory, the way to load and store them: block after block, in each the exponent and
// then its eight mantissas (found_later.md 2), at any address.
#pragma once

#include "block_vector.hpp"
#include "memory.hpp"

namespace aie {

namespace detail {

// One access that a checked build reports whole; clang has no register of 72 bytes.
template <unsigned Bytes>
TILEPROOF_INLINE void copy_blocks(void *to, const void *from) {
#ifdef __clang__
    constexpr unsigned most = Bytes / 64 * 64;
    copy_whole<most>(to, from);
    copy_whole<Bytes - most>(static_cast<char *>(to) + most, static_cast<const char *>(from) + most);
#else
    copy_whole<Bytes>(to, from);
#endif
}

template <typename T, unsigned Elems>
TILEPROOF_UNWATCHED void split_blocks(const uint8_t *memory, block_vector<T, Elems> &to) {
    issue<instruction::copy, 0, Elems, argument(1), argument(0)>();  // it comes with the load
    for (unsigned block = 0; block < to.blocks(); ++block) {
        to.exponent[block] = memory[block * block_bytes];
        copy_whole<block_elems>(to.mantissa + block * block_elems, memory + block * block_bytes + 1);
    }
}

template <typename T, unsigned Elems>
TILEPROOF_UNWATCHED void join_blocks(const block_vector<T, Elems> &from, uint8_t *memory) {
    issue<instruction::copy, 0, Elems, argument(1), argument(0)>();
    check_set<from.bytes()>(&from, __builtin_return_address(0));
    for (unsigned block = 0; block < from.blocks(); ++block) {
        memory[block * block_bytes] = from.exponent[block];
        copy_whole<block_elems>(memory + block * block_bytes + 1, from.mantissa + block * block_elems);
    }
}

// A place in a buffer, in bytes. Seeking counts in whole vectors from where the stream is, forwards and backwards.
template <typename Byte, typename Vector>
class block_position {
public:
    using vector_type = Vector;
    using value_type = Vector;
    using elem_type = typename Vector::value_type;

    void seek(int vectors) { seek_byte(vectors * int(Vector::memory_bytes())); }
    void seek_byte(int bytes) { at_ += bytes; }

protected:
    TILEPROOF_INLINE explicit block_position(Byte *at) : at_(at) {}
    Byte *at_;
};

}  // namespace detail

template <typename T, unsigned Elems, aie_dm_resource = aie_dm_resource::none>
class block_vector_input_buffer_stream : public detail::block_position<const uint8_t, block_vector<T, Elems>> {
    using position = detail::block_position<const uint8_t, block_vector<T, Elems>>;

public:
    using vector_type = block_vector<T, Elems>;

    TILEPROOF_INLINE block_vector_input_buffer_stream(const T *p) : position(reinterpret_cast<const uint8_t *>(p)) {}

    TILEPROOF_INLINE vector_type pop() { return pop_seek_byte(0); }
    // Behind the vector, and then `vectors` or `bytes` further.
    TILEPROOF_INLINE vector_type pop_seek(int vectors) {
        return pop_seek_byte(vectors * int(vector_type::memory_bytes()));
    }
    TILEPROOF_INLINE vector_type pop_seek_byte(int bytes) {
        uint8_t memory[vector_type::memory_bytes()];
        vector_type out(detail::unset);
        detail::copy_blocks<sizeof(memory)>(memory, this->at_);
        detail::split_blocks(memory, out);
        this->at_ += int(sizeof(memory)) + bytes;
        return out;
    }

    TILEPROOF_INLINE block_vector_input_buffer_stream &operator>>(vector_type &v) {
        v = pop();
        return *this;
    }
};

template <typename T, unsigned Elems, aie_dm_resource = aie_dm_resource::none>
class block_vector_output_buffer_stream : public detail::block_position<uint8_t, block_vector<T, Elems>> {
    using position = detail::block_position<uint8_t, block_vector<T, Elems>>;

public:
    using vector_type = block_vector<T, Elems>;

    TILEPROOF_INLINE block_vector_output_buffer_stream(T *p) : position(reinterpret_cast<uint8_t *>(p)) {}

    TILEPROOF_INLINE void push(const vector_type &v) { push_seek_byte(v, 0); }
    TILEPROOF_INLINE void push_seek(const vector_type &v, int vectors) {
        push_seek_byte(v, vectors * int(vector_type::memory_bytes()));
    }
    TILEPROOF_INLINE void push_seek_byte(const vector_type &v, int bytes) {
        uint8_t memory[vector_type::memory_bytes()];
        detail::join_blocks(v, memory);
        detail::copy_blocks<sizeof(memory)>(this->at_, memory);
        this->at_ += int(sizeof(memory)) + bytes;
    }

    TILEPROOF_INLINE block_vector_output_buffer_stream &operator<<(const vector_type &v) {
        push(v);
        return *this;
    }
};

// On the host `restrict` promises nothing, so the restrict streams are the plain ones.
template <typename T, unsigned Elems, aie_dm_resource Resource = aie_dm_resource::none>
using block_vector_restrict_input_buffer_stream = block_vector_input_buffer_stream<T, Elems, Resource>;
template <typename T, unsigned Elems, aie_dm_resource Resource = aie_dm_resource::none>
using block_vector_restrict_output_buffer_stream = block_vector_output_buffer_stream<T, Elems, Resource>;

}  // namespace aie
