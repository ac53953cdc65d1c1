"""From texts to a pair of xclbin and insts.bin: plans as data, ninja, packing for the emulator and for an NPU."""
