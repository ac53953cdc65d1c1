// Constants that stand in the device, beside its cores, and are used in them.
//   0: zeros
//   gives 0: np.arange(16) * 3
//   mutant: aie.core(%tile) { => aie.core(%tile) {\n      cf.br ^on\n    ^on: finds: a core with labels uses a constant of the device
//   mutant: %three = arith.constant 3 : i32 => %three = arith.addi %one, %one : i32 finds: arith.addi cannot stand directly in a device
module {
  aie.device(npu1) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c16 = arith.constant 16 : index
    %one = arith.constant 1 : i32
    %three = arith.constant 3 : i32
    %shim = aie.tile(0, 0)
    %tile = aie.tile(0, 2)
    aie.objectfifo @out(%tile, {%shim}, 1 : i32) : !aie.objectfifo<memref<16xi32>>
    aie.core(%tile) {
      %y = aie.objectfifo.acquire @out(Produce, 1) : memref<16xi32>
      scf.for %k = %c0 to %c16 step %c1 {
        %number = arith.index_cast %k : index to i32
        %value = arith.muli %number, %three : i32
        memref.store %value, %y[%k] : memref<16xi32>
      }
      aie.objectfifo.release @out(Produce, 1)
      aie.end
    }
    aie.runtime_sequence @run(%a: memref<16xi32>) {
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 16][0, 0, 0, 1]) {id = 0 : i64, metadata = @out} : memref<16xi32>
      aiex.npu.dma_wait {symbol = @out}
    }
  }
}
