"""The embedded emulator; here, what its process is given, and how that is packed into an xclbin.

Functional, not an instruction-set simulator: tile functions run as native code of this machine.
docs/emulator.md says what is modelled and what is not.
"""
