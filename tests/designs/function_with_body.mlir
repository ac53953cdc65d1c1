// A function whose body the design has itself, called twice, which calls another and returns a number.
//   0: count
//   1: zeros
//   gives 1: 4 * a0 + 8 + a0
//   mutant: call @plus(%2) => call @twice_plus(%2) finds: function @twice_plus calls itself
//   mutant: memref.store %sum, %y[%k] : memref<16xi32> =>  finds: no byte of it was ever written
//   mutant: return %3 : i32 => cf.br ^more\n    ^more:\n      return %3 : i32 finds: the body of function @twice_plus has several blocks
//   mutant: %1 = arith.constant 2 : i32 => %1 = arith.constant 2 : i32\n      aie.objectfifo.release @in(Consume, 1) finds: aie.objectfifo.release cannot stand in a function
module {
  aie.device(npu1) {
    %shim = aie.tile(0, 0)
    %tile = aie.tile(0, 2)
    aie.objectfifo @in(%shim, {%tile}, 2 : i32) : !aie.objectfifo<memref<16xi32>>
    aie.objectfifo @out(%tile, {%shim}, 2 : i32) : !aie.objectfifo<memref<16xi32>>
    func.func @twice_plus(%value: i32) -> i32 {
      %1 = arith.constant 2 : i32
      %2 = arith.muli %value, %1 : i32
      %3 = func.call @plus(%2) : (i32) -> i32
      return %3 : i32
    }
    func.func private @plus(%value: i32) -> i32 {
      %1 = arith.constant 2 : i32
      %2 = arith.constant 1 : i32
      %some = arith.cmpi sge, %1, %2 : i32
      %3 = scf.if %some -> (i32) {
        %more = arith.addi %value, %1 : i32
        scf.yield %more : i32
      } else {
        scf.yield %value : i32
      }
      return %3 : i32
    }
    aie.core(%tile) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c16 = arith.constant 16 : index
      %forever = arith.constant 9223372036854775807 : index
      scf.for %turn = %c0 to %forever step %c1 {
        %x = aie.objectfifo.acquire @in(Consume, 1) : memref<16xi32>
        %y = aie.objectfifo.acquire @out(Produce, 1) : memref<16xi32>
        scf.for %k = %c0 to %c16 step %c1 {
          %value = memref.load %x[%k] : memref<16xi32>
          %once = func.call @twice_plus(%value) : (i32) -> i32
          %twice = func.call @twice_plus(%once) : (i32) -> i32
          %two = func.call @plus(%value) : (i32) -> i32
          %sum = arith.addi %twice, %two : i32
          memref.store %sum, %y[%k] : memref<16xi32>
        }
        aie.objectfifo.release @in(Consume, 1)
        aie.objectfifo.release @out(Produce, 1)
      }
      aie.end
    }
    aie.runtime_sequence @run(%a: memref<128xi32>, %b: memref<128xi32>) {
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 128][0, 0, 0, 1]) {id = 0 : i64, metadata = @in} : memref<128xi32>
      aiex.npu.dma_memcpy_nd(%b[0, 0, 0, 0][1, 1, 1, 128][0, 0, 0, 1]) {id = 1 : i64, metadata = @out} : memref<128xi32>
      aiex.npu.dma_wait {symbol = @out}
    }
  }
}
