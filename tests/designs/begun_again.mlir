// A mem tile sends a table twice and stops; where its fifo begins again it is sent twice more.
//   0: zeros
//   gives 0: np.tile(np.array([5, 6, 7, 8]), 4)
//   mutant: aiex.dma_channel_reset_for(@table) =>  finds: S2MM channel 0 of shim (0, 0) (@table) waits for 32 of 32 bytes
//   mutant: {iter_count = 2 : i32} => {iter_count = 1 : i32} finds: S2MM channel 0 of shim (0, 0) (@table) waits for 16 of 32 bytes
//   mutant: aiex.dma_channel_reset_for(@table) => aiex.dma_channel_reset(%mem, MM2S, 0) finds: S2MM channel 0 of shim (0, 0) (@table) waits for 32 of 32 bytes
module {
  aie.device(npu1) {
    %shim = aie.tile(0, 0)
    %mem = aie.tile(0, 1)
    aie.objectfifo @table(%mem, {%shim}, 1 : i32) {iter_count = 2 : i32} : !aie.objectfifo<memref<4xi32>> = [dense<[5, 6, 7, 8]> : memref<4xi32>]
    aie.runtime_sequence @run(%a: memref<16xi32>) {
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 8][0, 0, 0, 1]) {id = 0 : i64, metadata = @table} : memref<16xi32>
      aiex.npu.dma_wait {symbol = @table}
      aiex.dma_channel_reset_for(@table)
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 8][1, 1, 1, 8][0, 0, 0, 1]) {id = 1 : i64, metadata = @table} : memref<16xi32>
      aiex.npu.dma_wait {symbol = @table}
    }
  }
}
