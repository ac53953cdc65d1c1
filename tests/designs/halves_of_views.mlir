// Two cores write the halves of one buffer by views of it, and a lock counts them: the DMA waits for both.
//   0: zeros
//   gives 0: np.repeat([100, 200], 8)
//   mutant: %own[8] [8] => %own[7] [8] finds: own is written by the core on core (0, 2) and by the core on core (0, 3), and nothing decides who comes first
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
      %zero = arith.constant 0 : index
      %more = arith.constant 100 : i32
      %lanes = vector.broadcast %more : i32 to vector<8xi32>
      aie.use_lock(%free, AcquireGreaterEqual, 1)
      %half = memref.subview %own[0] [8] [1] : memref<16xi32> to memref<8xi32, strided<[1], offset: 0>>
      vector.store %lanes, %half[%zero] : memref<8xi32, strided<[1], offset: 0>>, vector<8xi32>
      aie.use_lock(%filled, Release, 1)
      aie.end
    }
    aie.core(%upper) {
      %zero = arith.constant 0 : index
      %more = arith.constant 200 : i32
      %lanes = vector.broadcast %more : i32 to vector<8xi32>
      aie.use_lock(%free, AcquireGreaterEqual, 1)
      %half = memref.subview %own[8] [8] [1] : memref<16xi32> to memref<8xi32, strided<[1], offset: 8>>
      vector.store %lanes, %half[%zero] : memref<8xi32, strided<[1], offset: 8>>, vector<8xi32>
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
