// A channel that is started twice: what it is started with first ends, then comes the other, which runs for ever.
//   0: count
//   1: zeros
//   gives 1: np.concatenate([a0[16:32], a0[:16], a0[32:]])
//   mutant: aie.next_bd ^done => aie.next_bd ^first finds: S2MM channel 0 of mem (0, 1) is started again and never comes to it
//   mutant: (S2MM, 0, ^first, ^again) => (S2MM, 0, ^first, ^again, repeat_count = 1) finds: an object of high is handed on, and no byte of it was ever written
module {
  aie.device(npu1) {
    %shim = aie.tile(0, 0)
    %mem = aie.tile(0, 1)
    %low = aie.buffer(%mem) {sym_name = "low"} : memref<16xi32>
    %high = aie.buffer(%mem) {sym_name = "high"} : memref<48xi32>
    %full = aie.lock(%mem, 0) {init = 0 : i32, sym_name = "full"}
    %empty = aie.lock(%mem, 1) {init = 2 : i32, sym_name = "empty"}
    aie.flow(%shim, DMA : 0, %mem, DMA : 0)
    aie.flow(%mem, DMA : 0, %shim, DMA : 0)
    aie.memtile_dma(%mem) {
      %0 = aie.dma_start(S2MM, 0, ^first, ^again)
    ^first:
      aie.use_lock(%empty, AcquireGreaterEqual, 1)
      aie.dma_bd(%low : memref<16xi32>, 0, 16)
      aie.use_lock(%full, Release, 1)
      aie.next_bd ^done
    ^again:
      %1 = aie.dma_start(S2MM, 0, ^second, ^send)
    ^second:
      aie.use_lock(%empty, AcquireGreaterEqual, 1)
      aie.dma_bd(%high : memref<48xi32>, 0, 48)
      aie.use_lock(%full, Release, 1)
      aie.next_bd ^second
    ^send:
      %2 = aie.dma_start(MM2S, 0, ^part, ^done)
    ^part:
      aie.use_lock(%full, AcquireGreaterEqual, 2)
      aie.dma_bd(%high : memref<48xi32>, 0, 16)
      aie.next_bd ^then
    ^then:
      aie.dma_bd(%low : memref<16xi32>, 0, 16)
      aie.next_bd ^last
    ^last:
      aie.dma_bd(%high : memref<48xi32>, 16, 32)
      aie.use_lock(%empty, Release, 2)
      aie.next_bd ^done
    ^done:
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
