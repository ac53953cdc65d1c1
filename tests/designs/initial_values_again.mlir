// A mem tile sends its two initial values three times: nobody fills them again, and no lock waits for that.
//   0: zeros
//   gives 0: np.tile(np.concatenate([np.full(16, 7), np.full(16, 8)]), 3)
//   mutant: iter_count = 3 => iter_count = 2 finds: deadlock: the run cannot finish, everyone waits for someone else
//   mutant: {iter_count = 3 : i32} =>  finds: deadlock: the run cannot finish, everyone waits for someone else
module {
  aie.device(npu1) {
    %shim = aie.tile(0, 0)
    %mem = aie.tile(0, 1)
    aie.objectfifo @out(%mem, {%shim}, 2 : i32) {iter_count = 3 : i32} : !aie.objectfifo<memref<16xi32>> = [dense<7> : memref<16xi32>, dense<8> : memref<16xi32>]
    aie.runtime_sequence @run(%a: memref<96xi32>) {
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 96][0, 0, 0, 1]) {id = 0 : i64, metadata = @out} : memref<96xi32>
      aiex.npu.dma_wait {symbol = @out}
    }
  }
}
