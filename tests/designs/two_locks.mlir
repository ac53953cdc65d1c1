// Two cores want two locks, and take them in the same order. Crosswise, the cycle model's order goes well all the same,
// as the upper core comes later; another legal one does not, and is tried without being asked for.
//   0: zeros
//   gives 0: np.full(1, 2)
//   orders: 4
//   mutant: aie.use_lock(%left, AcquireGreaterEqual, 1) aie.use_lock(%right, AcquireGreaterEqual, 1) => aie.use_lock(%right, AcquireGreaterEqual, 1) aie.use_lock(%left, AcquireGreaterEqual, 1) finds: deadlock: the run cannot finish, everyone waits for someone else, in another legal order
module {
  aie.device(npu1) {
    %shim = aie.tile(0, 0)
    %lower = aie.tile(0, 2)
    %upper = aie.tile(0, 3)
    %own = aie.buffer(%lower) {sym_name = "own"} : memref<1xi32> = dense<0>
    %left = aie.lock(%lower, 0) {init = 1 : i32, sym_name = "left"}
    %right = aie.lock(%lower, 1) {init = 1 : i32, sym_name = "right"}
    %done = aie.lock(%lower, 2) {init = 0 : i32, sym_name = "done"}
    aie.flow(%lower, DMA : 0, %shim, DMA : 0)
    aie.shim_dma_allocation @out(%shim, S2MM, 0)
    aie.core(%lower) {
      %c0 = arith.constant 0 : index
      %one = arith.constant 1 : i32
      aie.use_lock(%left, AcquireGreaterEqual, 1)
      aie.use_lock(%right, AcquireGreaterEqual, 1)
      %x = memref.load %own[%c0] : memref<1xi32>
      %y = arith.addi %x, %one : i32
      memref.store %y, %own[%c0] : memref<1xi32>
      aie.use_lock(%left, Release, 1)
      aie.use_lock(%right, Release, 1)
      aie.use_lock(%done, Release, 1)
      aie.end
    }
    aie.core(%upper) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %late = arith.constant 1000 : index
      %one = arith.constant 1 : i32
      scf.for %turn = %c0 to %late step %c1 {
      }
      aie.use_lock(%left, AcquireGreaterEqual, 1) aie.use_lock(%right, AcquireGreaterEqual, 1)
      %x = memref.load %own[%c0] : memref<1xi32>
      %y = arith.addi %x, %one : i32
      memref.store %y, %own[%c0] : memref<1xi32>
      aie.use_lock(%left, Release, 1)
      aie.use_lock(%right, Release, 1)
      aie.use_lock(%done, Release, 1)
      aie.end
    }
    %dma = aie.mem(%lower) {
      %start = aie.dma_start(MM2S, 0, ^send, ^end)
    ^send:
      aie.use_lock(%done, AcquireGreaterEqual, 2)
      aie.dma_bd(%own : memref<1xi32> offset = 0 len = 1)
      aie.next_bd ^end
    ^end:
      aie.end
    }
    aie.runtime_sequence @run(%a: memref<1xi32>) {
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 1][0, 0, 0, 1]) {id = 0 : i64, metadata = @out} : memref<1xi32>
      aiex.npu.dma_wait {symbol = @out}
    }
  }
}
