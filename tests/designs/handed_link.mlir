// A link on a core's tile hands its objects to the neighbour as they lie there, without a DMA.
//   0: count
//   1: zeros
//   gives 1: 2 * a0
//   mutant: aie.objectfifo.allocate @on(%first) =>  finds: nothing
//   mutant: aie.objectfifo.release @on(Consume, 1) =>  finds: MM2S channel 0 of shim (0, 0) (@in) has not finished
//   mutant: aie.objectfifo.allocate @on(%first) => aie.objectfifo.allocate @on(%second) finds: the objects of @on cannot lie on core (0, 3)
module {
  aie.device(npu1) {
    %shim = aie.tile(0, 0)
    %first = aie.tile(0, 2)
    %second = aie.tile(0, 3)
    func.func private @twice(memref<16xi32>, memref<16xi32>)
    aie.objectfifo @in(%shim, {%first}, 2 : i32) : !aie.objectfifo<memref<16xi32>>
    aie.objectfifo @on(%first, {%second}, 2 : i32) : !aie.objectfifo<memref<16xi32>>
    aie.objectfifo.link [@in] -> [@on] ([] [])
    aie.objectfifo.allocate @on(%first)
    aie.objectfifo @out(%second, {%shim}, 2 : i32) : !aie.objectfifo<memref<16xi32>>
    aie.core(%second) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %forever = arith.constant 9223372036854775807 : index
      scf.for %turn = %c0 to %forever step %c1 {
        %x = aie.objectfifo.acquire @on(Consume, 1) : memref<16xi32>
        %y = aie.objectfifo.acquire @out(Produce, 1) : memref<16xi32>
        func.call @twice(%x, %y) : (memref<16xi32>, memref<16xi32>) -> ()
        aie.objectfifo.release @on(Consume, 1)
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
