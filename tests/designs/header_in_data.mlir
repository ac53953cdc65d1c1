// What leaves a channel on a packet stream without a header of its own has it in its first word: here 1, of id 1.
//   0: count
//   1: zeros
//   gives 1: np.arange(2, 18)
//   mutant: %a[0, 0, 0, 1] => %a[0, 0, 0, 0] finds: the switches take its first word for a header, and 0x00000000 is none
//   mutant: %a[0, 0, 0, 1] => %a[0, 0, 0, 2] finds: the switches take its first word for a header, and 0x00000002 is one with id 2
//   mutant: [1, 1, 1, 17] => [1, 1, 1, 16] finds: S2MM channel 0 of core (0, 2) waits for 4 of 64 bytes
module {
  aie.device(npu1) {
    %shim = aie.tile(0, 0)
    %tile = aie.tile(0, 2)
    %one = aie.buffer(%tile) {sym_name = "one"} : memref<16xi32>
    %full = aie.lock(%tile, 0) {init = 0 : i32, sym_name = "full"}
    aie.mem(%tile) {
      %0 = aie.dma_start(S2MM, 0, ^take, ^next)
    ^take:
      aie.dma_bd(%one : memref<16xi32>, 0, 16)
      aie.use_lock(%full, Release, 1)
      aie.next_bd ^end
    ^next:
      %1 = aie.dma_start(MM2S, 0, ^give, ^end)
    ^give:
      aie.use_lock(%full, AcquireGreaterEqual, 1)
      aie.dma_bd(%one : memref<16xi32>, 0, 16)
      aie.next_bd ^end
    ^end:
      aie.end
    }
    aie.packet_flow(1) {
      aie.packet_source<%shim, DMA : 0>
      aie.packet_dest<%tile, DMA : 0>
    }
    aie.flow(%tile, DMA : 0, %shim, DMA : 0)
    aie.shim_dma_allocation @in(%shim, MM2S, 0)
    aie.shim_dma_allocation @out(%shim, S2MM, 0)
    aie.runtime_sequence @run(%a: memref<32xi32>, %b: memref<16xi32>) {
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 1][1, 1, 1, 17][0, 0, 0, 1]) {id = 0 : i64, metadata = @in} : memref<32xi32>
      aiex.npu.dma_memcpy_nd(%b[0, 0, 0, 0][1, 1, 1, 16][0, 0, 0, 1]) {id = 1 : i64, metadata = @out} : memref<16xi32>
      aiex.npu.dma_wait {symbol = @out}
    }
  }
}
