// Tasks on shim channels that have no name, only a circuit.
//   0: zeros
//   gives 0: np.full(16, 3)
module {
  aie.device(npu1) {
    %shim = aie.tile(0, 0)
    %tile = aie.tile(0, 2)
    %data = aie.buffer(%tile) {sym_name = "data"} : memref<16xi32>
    %free = aie.lock(%tile, 0) {init = 1 : i32, sym_name = "free"}
    %full = aie.lock(%tile, 1) {init = 0 : i32, sym_name = "full"}
    aie.core(%tile) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c16 = arith.constant 16 : index
      %value = arith.constant 3 : i32
      %forever = arith.constant 9223372036854775807 : index
      scf.for %turn = %c0 to %forever step %c1 {
        aie.use_lock(%free, AcquireGreaterEqual, 1)
        scf.for %k = %c0 to %c16 step %c1 {
          memref.store %value, %data[%k] : memref<16xi32>
        }
        aie.use_lock(%full, Release, 1)
      }
      aie.end
    }
    aie.mem(%tile) {
      %0 = aie.dma_start(MM2S, 0, ^move, ^end)
    ^move:
      aie.use_lock(%full, AcquireGreaterEqual, 1)
      aie.dma_bd(%data : memref<16xi32>, 0, 16)
      aie.use_lock(%free, Release, 1)
      aie.next_bd ^move
    ^end:
      aie.end
    }
    aie.flow(%tile, DMA : 0, %shim, DMA : 0)
    aie.runtime_sequence @run(%a: memref<16xi32>) {
      %take = aiex.dma_configure_task(%shim, S2MM, 0) {
        aie.dma_bd(%a : memref<16xi32>, 0, 16)
        aie.end
      } {issue_token = true}
      aiex.dma_start_task(%take)
      aiex.dma_await_task(%take)
    }
  }
}
