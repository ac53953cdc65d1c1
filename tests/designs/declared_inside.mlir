// Buffers and locks that stand in the DMA program itself: a mem tile hands on, a block of 16 at a time.
//   0: count
//   1: zeros
//   gives 1: a0
//   mutant: {init = 1 : i32, sym_name = "free"} => {init = 0 : i32, sym_name = "free"} finds: waits for a free object to fill of held (BD 0, held): wants 1, lock free is 0
//   mutant: %held = aie.buffer(%mem) {sym_name = "held"} => %held = aie.buffer(%tile) {sym_name = "held"} finds: S2MM channel 0 of mem (0, 1) does not reach buffer held on core (0, 2)
//   mutant: sym_name = "full" => sym_name = "free" finds: the name @free is taken
module {
  aie.device(npu1) {
    %shim = aie.tile(0, 0)
    %mem = aie.tile(0, 1)
    %tile = aie.tile(0, 2)
    aie.flow(%shim, DMA : 0, %mem, DMA : 0)
    aie.flow(%mem, DMA : 0, %shim, DMA : 0)
    aie.memtile_dma(%mem) {
      %held = aie.buffer(%mem) {sym_name = "held"} : memref<16xi32>
      %free = aie.lock(%mem) {init = 1 : i32, sym_name = "free"}
      %full = aie.lock(%mem) {init = 0 : i32, sym_name = "full"}
      %0 = aie.dma_start(S2MM, 0, ^in, ^next)
    ^in:
      aie.use_lock(%free, AcquireGreaterEqual, 1)
      aie.dma_bd(%held : memref<16xi32>, 0, 16)
      aie.use_lock(%full, Release, 1)
      aie.next_bd ^in
    ^next:
      %1 = aie.dma_start(MM2S, 0, ^out, ^end)
    ^out:
      aie.use_lock(%full, AcquireGreaterEqual, 1)
      aie.dma_bd(%held : memref<16xi32>, 0, 16)
      aie.use_lock(%free, Release, 1)
      aie.next_bd ^out
    ^end:
      aie.end
    }
    aie.shim_dma_allocation @in(%shim, MM2S, 0)
    aie.shim_dma_allocation @out(%shim, S2MM, 0)
    aie.runtime_sequence @run(%a: memref<64xi32>, %b: memref<64xi32>) {
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 64][0, 0, 0, 1]) {id = 0 : i64, metadata = @in} : memref<64xi32>
      aiex.npu.dma_memcpy_nd(%b[0, 0, 0, 0][1, 1, 1, 64][0, 0, 0, 1]) {id = 1 : i64, metadata = @out} : memref<64xi32>
      aiex.npu.dma_wait {symbol = @out}
    }
  }
}
