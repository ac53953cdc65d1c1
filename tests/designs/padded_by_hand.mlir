// A DMA program pads bytes with words of 0x01020304, which a channel has one register for: its bytes are 4, 3, 2, 1.
//   0: ones
//   1: zeros
//   gives 1: np.tile(np.concatenate([[4, 3, 2, 1], np.ones(8), [4, 3, 2, 1, 4, 3, 2, 1]]), 2).astype(np.int8)
//   mutant: aie.device(npu2) => aie.device(npu1) finds: MM2S of mem (0, 1) cannot pad with 16909060
//   mutant: S2MM, 0, ^fill, ^second) => S2MM, 0, ^fill, ^second) {pad_value = 7 : i32} finds: S2MM of mem (0, 1) cannot pad with 7
module {
  aie.device(npu2) {
    %shim = aie.tile(0, 0)
    %mem = aie.tile(0, 1)
    aie.flow(%shim, DMA : 0, %mem, DMA : 0)
    aie.flow(%mem, DMA : 0, %shim, DMA : 0)
    aie.shim_dma_allocation @in(%shim, MM2S, 0)
    aie.shim_dma_allocation @out(%shim, S2MM, 0)
    %own = aie.buffer(%mem) {sym_name = "own"} : memref<8xi8>
    %free = aie.lock(%mem, 0) {init = 1 : i32, sym_name = "free"}
    %filled = aie.lock(%mem, 1) {init = 0 : i32, sym_name = "filled"}
    %program = aie.memtile_dma(%mem) {
      %first = aie.dma_start(S2MM, 0, ^fill, ^second)
    ^fill:
      aie.use_lock(%free, AcquireGreaterEqual, 1)
      aie.dma_bd(%own : memref<8xi8> offset = 0 len = 8)
      aie.use_lock(%filled, Release, 1)
      aie.next_bd ^fill
    ^second:
      %other = aie.dma_start(MM2S, 0, ^send, ^end) {pad_value = 16909060 : i32}
    ^send:
      aie.use_lock(%filled, AcquireGreaterEqual, 1)
      aie.dma_bd(%own : memref<8xi8> offset = 0 len = 20 sizes = [8] strides = [1] pad [<const_pad_before = 4, const_pad_after = 8>])
      aie.use_lock(%free, Release, 1)
      aie.next_bd ^send
    ^end:
      aie.end
    }
    aie.runtime_sequence @run(%a: memref<16xi8>, %b: memref<40xi8>) {
      aiex.npu.dma_memcpy_nd(%b[0, 0, 0, 0][1, 1, 1, 40][0, 0, 0, 1]) {id = 0 : i64, metadata = @out} : memref<40xi8>
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 16][0, 0, 0, 1]) {id = 1 : i64, metadata = @in} : memref<16xi8>
      aiex.npu.dma_wait {symbol = @out}
    }
  }
}
