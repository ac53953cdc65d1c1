// A BD of the shim is written once, and its words are then changed one by one: the length, and where it begins.
//   0: count
//   1: zeros
//   gives 1: np.concatenate([a0[:8], a0[24:32]])
//   mutant: %length, %eight) {column => %length, %four) {column finds: waits for 16 of 64 bytes
//   mutant: aiex.npu.address_patch(%behind => aiex.npu.address_patch(%far finds: runs past the end of a host buffer: 160 bytes of 128
//   mutant: aiex.npu.address_patch(%behind : i32) {addr = 0x1d004 : ui32, arg_idx = 0 : i32} => aiex.npu.write32(%address, %four) {column = 0 : i32, row = 0 : i32} : i32, i32 finds: moves host memory that no patch names
//   mutant: %length = arith.constant 0x1d000 => %length = arith.constant 0x1d020 finds: BD 1 of shim (0, 0) is used before it is written
module {
  aie.device(npu1) {
    %shim = aie.tile(0, 0)
    %tile = aie.tile(0, 2)
    aie.objectfifo @in(%shim, {%tile}, 2 : i32) : !aie.objectfifo<memref<16xi32>>
    aie.objectfifo @out(%tile, {%shim}, 2 : i32) : !aie.objectfifo<memref<16xi32>>
    aie.objectfifo.link [@in] -> [@out] ([] [])
    aie.runtime_sequence @run(%a: memref<32xi32>, %b: memref<16xi32>) {
      %zero = arith.constant 0 : i32
      %one = arith.constant 1 : i32
      %four = arith.constant 4 : i32
      %sixteen = arith.constant 16 : i32
      %eight = arith.constant 8 : i32
      %behind = arith.constant 96 : i32
      %far = arith.constant 128 : i32
      %length = arith.constant 0x1d000 : i32
      %address = arith.constant 0x1d004 : i32
      aiex.npu.dma_memcpy_nd(%b[0, 0, 0, 0][1, 1, 1, 16][0, 0, 0, 1]) {id = 2 : i64, metadata = @out} : memref<16xi32>
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 4][0, 0, 0, 1]) {id = 0 : i64, metadata = @in, issue_token = true} : memref<32xi32>
      aiex.npu.dma_wait {symbol = @in}
      aiex.npu.address_patch(%sixteen : i32) {addr = 0x1d004 : ui32, arg_idx = 0 : i32}
      aiex.npu.push_queue(0, 0, MM2S : 0) bd_id %zero repeat %zero {issue_token = true} : i32, i32
      aiex.npu.sync(%zero, %zero, %one, %zero, %one, %one) : i32, i32, i32, i32, i32, i32
      aiex.npu.write32(%length, %eight) {column = 0 : i32, row = 0 : i32} : i32, i32
      aiex.npu.address_patch(%behind : i32) {addr = 0x1d004 : ui32, arg_idx = 0 : i32}
      aiex.npu.push_queue(0, 0, MM2S : 0) bd_id %zero repeat %zero {issue_token = true} : i32, i32
      aiex.npu.dma_wait {symbol = @in}
      aiex.npu.dma_wait {symbol = @out}
    }
  }
}
