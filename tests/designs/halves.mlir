// Two cores write the halves of one buffer, each by itself, and a lock counts them: the DMA waits for both.
//   0: zeros
//   gives 0: np.arange(16) + 100
//   mutant: %begin = arith.constant 8 => %begin = arith.constant 7 finds: own is written by the core on core (0, 2) and by the core on core (0, 3), and nothing decides who comes first
//   mutant: AcquireGreaterEqual, 2 => AcquireGreaterEqual, 0 finds: nothing decides who comes first
module {
  aie.device(npu1) {
    %shim = aie.tile(0, 0)
    %lower = aie.tile(0, 2)
    %upper = aie.tile(0, 3)
    %own = aie.buffer(%lower) {sym_name = "own"} : memref<16xi32>
    %free = aie.lock(%lower, 0) {init = 2 : i32, sym_name = "free"}
    %filled = aie.lock(%lower, 1) {init = 0 : i32, sym_name = "filled"}
    aie.flow(%lower, DMA : 0, %shim, DMA : 0)
    aie.shim_dma_allocation @out(%shim, S2MM, 0)
    aie.core(%lower) {
      %c1 = arith.constant 1 : index
      %begin = arith.constant 0 : index
      %end = arith.constant 8 : index
      %more = arith.constant 100 : i32
      aie.use_lock(%free, AcquireGreaterEqual, 1)
      scf.for %i = %begin to %end step %c1 {
        %n = arith.index_cast %i : index to i32
        %x = arith.addi %n, %more : i32
        memref.store %x, %own[%i] : memref<16xi32>
      }
      aie.use_lock(%filled, Release, 1)
      aie.end
    }
    aie.core(%upper) {
      %c1 = arith.constant 1 : index
      %begin = arith.constant 8 : index
      %end = arith.constant 16 : index
      %more = arith.constant 100 : i32
      aie.use_lock(%free, AcquireGreaterEqual, 1)
      scf.for %i = %begin to %end step %c1 {
        %n = arith.index_cast %i : index to i32
        %x = arith.addi %n, %more : i32
        memref.store %x, %own[%i] : memref<16xi32>
      }
      aie.use_lock(%filled, Release, 1)
      aie.end
    }
    %dma = aie.mem(%lower) {
      %start = aie.dma_start(MM2S, 0, ^send, ^end)
    ^send:
      aie.use_lock(%filled, AcquireGreaterEqual, 2)
      aie.dma_bd(%own : memref<16xi32> offset = 0 len = 16)
      aie.use_lock(%free, Release, 2)
      aie.next_bd ^end
    ^end:
      aie.end
    }
    aie.runtime_sequence @run(%a: memref<16xi32>) {
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 16][0, 0, 0, 1]) {id = 0 : i64, metadata = @out} : memref<16xi32>
      aiex.npu.dma_wait {symbol = @out}
    }
  }
}
