"""The C structs by which compiled tile code and the emulator tell each other things; both find them by name."""

from __future__ import annotations

import ctypes


class Window(ctypes.Structure):
    """`tileproof_window` of tileproof_checks.hpp."""

    _fields_ = (("base", ctypes.c_size_t), ("size", ctypes.c_size_t), ("bytes", ctypes.c_void_p))


class BadAccess(ctypes.Structure):
    """`tileproof_access_fault` of tileproof_checks.hpp."""

    _fields_ = (
        ("kind", ctypes.c_uint32),
        ("is_store", ctypes.c_uint32),
        ("nbytes", ctypes.c_size_t),
        ("address", ctypes.c_size_t),
        ("pc", ctypes.c_size_t),
        ("name", ctypes.c_char_p),
        ("begin", ctypes.c_size_t),
        ("size", ctypes.c_size_t),
    )


class StackWindow(ctypes.Structure):
    """`tileproof_stack_window` of tileproof_checks.hpp."""

    _fields_ = (
        ("low", ctypes.c_size_t),
        ("size", ctypes.c_size_t),
        ("written", ctypes.c_size_t),
        ("lowest", ctypes.c_size_t),
        ("deepest", ctypes.c_size_t),
    )


class FrameNotes(ctypes.Structure):
    """`tileproof_frame_notes` of tileproof_checks.hpp."""

    _fields_ = (("count", ctypes.c_uint64), ("descriptions", ctypes.c_char_p * 64))


class Accesses(ctypes.Structure):
    """`tileproof_access_counts` of tileproof_checks.hpp."""

    _fields_ = (("conflicts", ctypes.c_uint64),)


class BlockCounts(ctypes.Structure):
    """`tileproof_block_counts` of tileproof_checks.hpp."""

    _fields_ = (("first", ctypes.c_size_t), ("count", ctypes.c_size_t))


class EventNotes(ctypes.Structure):
    """`tileproof_event_notes` of tileproof_checks.hpp."""

    _fields_ = (("rows", ctypes.c_size_t), ("room", ctypes.c_size_t), ("count", ctypes.c_size_t))


class Unconfirmed(ctypes.Structure):
    """`tileproof_unconfirmed` of aie_api/core_state.hpp: a byte for each rule, and for rules to come."""

    _fields_ = (("used", ctypes.c_uint8 * 64),)


class ApiFault(ctypes.Structure):
    """`tileproof_fault_type` of aie_api/core_state.hpp."""

    _fields_ = (
        ("kind", ctypes.c_uint32),
        ("needed", ctypes.c_uint32),
        ("bytes", ctypes.c_uint32),
        ("address", ctypes.c_void_p),
    )


class CoreState(ctypes.Structure):
    """`tileproof_core_state_type` of aie_api/core_state.hpp."""

    _fields_ = (("rounding", ctypes.c_uint32), ("saturation", ctypes.c_uint32), ("as_hardware", ctypes.c_uint32))


class WaitRecord(ctypes.Structure):
    """`tileproof_wait_type` of aie_api/waiting.hpp."""

    _fields_ = (
        ("kind", ctypes.c_uint32),
        ("number", ctypes.c_uint32),
        ("amount", ctypes.c_int32),
        ("looks", ctypes.c_uint32),
        ("is_done", ctypes.c_uint32),
        ("pc", ctypes.c_size_t),
        ("word", ctypes.c_uint8 * 64),
    )
