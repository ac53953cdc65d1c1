// A core waits until a lock is exactly 1, another takes what is too much.
//   0: zeros
//   gives 0: np.full(16, 3)
module {
  aie.device(npu1) {
    %shim = aie.tile(0, 0)
    %tile = aie.tile(0, 2)
    %next = aie.tile(0, 3)
    %data = aie.buffer(%tile) {sym_name = "data"} : memref<16xi32>
    %turns = aie.lock(%tile, 0) {init = 2 : i32, sym_name = "turns"}
    %full = aie.lock(%tile, 1) {init = 0 : i32, sym_name = "full"}
    aie.core(%tile) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c16 = arith.constant 16 : index
      %value = arith.constant 3 : i32
      aie.use_lock(%turns, Acquire, 1)
      scf.for %k = %c0 to %c16 step %c1 {
        memref.store %value, %data[%k] : memref<16xi32>
      }
      aie.use_lock(%full, Release, 1)
      aie.end
    }
    aie.core(%next) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c1000 = arith.constant 1000 : index
      scf.for %k = %c0 to %c1000 step %c1 {
      }
      aie.use_lock(%turns, AcquireGreaterEqual, 1)
      aie.end
    }
    aie.mem(%tile) {
      %0 = aie.dma_start(MM2S, 0, ^move, ^end)
    ^move:
      aie.use_lock(%full, AcquireGreaterEqual, 1)
      aie.dma_bd(%data : memref<16xi32>, 0, 16)
      aie.next_bd ^end
    ^end:
      aie.end
    }
    aie.flow(%tile, DMA : 0, %shim, DMA : 0)
    aie.shim_dma_allocation @out(%shim, S2MM, 0)
    aie.runtime_sequence @run(%a: memref<16xi32>) {
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 16][0, 0, 0, 1]) {id = 0 : i64, metadata = @out} : memref<16xi32>
      aiex.npu.dma_wait {symbol = @out}
    }
  }
}
