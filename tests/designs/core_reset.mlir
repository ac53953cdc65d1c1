// A core that has ended is reset and enabled: its program begins again, and its memory is as it was.
//   0: zeros
//   gives 0: np.repeat([1, 2], 16)
//   mutant: aiex.core_reset(%tile) =>  finds: S2MM channel 0 of shim (0, 0) (@out)
//   mutant: aiex.npu.maskwrite32(%control, %enable, %enable) {column = 0 : i32, row = 2 : i32} : i32, i32, i32 =>  finds: S2MM channel 0 of shim (0, 0) (@out)
module {
  aie.device(npu1) {
    %shim = aie.tile(0, 0)
    %tile = aie.tile(0, 2)
    %runs = aie.buffer(%tile) {sym_name = "runs"} : memref<1xi32> = dense<0>
    aie.objectfifo @out(%tile, {%shim}, 1 : i32) : !aie.objectfifo<memref<16xi32>>
    aie.core(%tile) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c16 = arith.constant 16 : index
      %one = arith.constant 1 : i32
      %before = memref.load %runs[%c0] : memref<1xi32>
      %now = arith.addi %before, %one : i32
      memref.store %now, %runs[%c0] : memref<1xi32>
      %y = aie.objectfifo.acquire @out(Produce, 1) : memref<16xi32>
      scf.for %k = %c0 to %c16 step %c1 {
        memref.store %now, %y[%k] : memref<16xi32>
      }
      aie.objectfifo.release @out(Produce, 1)
      aie.end
    }
    aie.runtime_sequence @run(%a: memref<32xi32>) {
      %control = arith.constant 204800 : i32
      %enable = arith.constant 1 : i32
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 16][0, 0, 0, 1]) {id = 0 : i64, metadata = @out} : memref<32xi32>
      aiex.npu.dma_wait {symbol = @out}
      aiex.core_reset(%tile)
      aiex.npu.maskwrite32(%control, %enable, %enable) {column = 0 : i32, row = 2 : i32} : i32, i32, i32
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 16][1, 1, 1, 16][0, 0, 0, 1]) {id = 1 : i64, metadata = @out} : memref<32xi32>
      aiex.npu.dma_wait {symbol = @out}
    }
  }
}
