// The upper core puts vectors onto the cascade, the lower one gets them.
//   0: count
//   1: zeros
//   gives 1: 2 * a0
//   mutant: %got = aie.get_cascade() : vector<16xi32> => %narrow = aie.get_cascade() : vector<8xi32>\n        %got = arith.constant dense<0> : vector<16xi32> finds: gets what is not 512 bits from the cascade
//   mutant: aie.cascade_flow(%next, %tile) =>  finds: the cascade, and no cascade leads
//   mutant: %got = aie.get_cascade() : vector<16xi32> => %got = arith.constant dense<0> : vector<16xi32> finds: nothing
//   mutant: aie.put_cascade(%v : vector<16xi32>) =>  finds: waits to get from the cascade from core (0, 3) to core (0, 2): nobody puts anything
module {
  aie.device(npu1) {
    %shim = aie.tile(0, 0)
    %tile = aie.tile(0, 2)
    %next = aie.tile(0, 3)
    aie.objectfifo @in(%shim, {%next}, 2 : i32) : !aie.objectfifo<memref<16xi32>>
    aie.objectfifo @out(%tile, {%shim}, 2 : i32) : !aie.objectfifo<memref<16xi32>>
    aie.cascade_flow(%next, %tile)
    aie.core(%next) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %forever = arith.constant 9223372036854775807 : index
      scf.for %turn = %c0 to %forever step %c1 {
        %xs = aie.objectfifo.acquire @in(Consume, 1) : !aie.objectfifosubview<memref<16xi32>>
        %x = aie.objectfifo.subview.access %xs[0] : !aie.objectfifosubview<memref<16xi32>> -> memref<16xi32>
        %v = vector.load %x[%c0] : memref<16xi32>, vector<16xi32>
        aie.put_cascade(%v : vector<16xi32>)
        aie.objectfifo.release @in(Consume, 1)
      }
      aie.end
    }
    aie.core(%tile) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %forever = arith.constant 9223372036854775807 : index
      scf.for %turn = %c0 to %forever step %c1 {
        %ys = aie.objectfifo.acquire @out(Produce, 1) : !aie.objectfifosubview<memref<16xi32>>
        %y = aie.objectfifo.subview.access %ys[0] : !aie.objectfifosubview<memref<16xi32>> -> memref<16xi32>
        %got = aie.get_cascade() : vector<16xi32>
        %twice = arith.addi %got, %got : vector<16xi32>
        vector.store %twice, %y[%c0] : memref<16xi32>, vector<16xi32>
        aie.objectfifo.release @out(Produce, 1)
      }
      aie.end
    }
    aie.runtime_sequence @run(%a: memref<16xi32>, %b: memref<16xi32>) {
      aiex.npu.dma_memcpy_nd(%b[0, 0, 0, 0][1, 1, 1, 16][0, 0, 0, 1]) {id = 0 : i64, metadata = @out} : memref<16xi32>
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 16][0, 0, 0, 1]) {id = 1 : i64, metadata = @in} : memref<16xi32>
      aiex.npu.dma_wait {symbol = @out}
    }
  }
}
