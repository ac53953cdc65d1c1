// As sum.mlir, with an object that was used before.
//   0: count
//   1: zeros
//   runs: 3
//   gives 1: a0.reshape(-1, 4, 16).sum(axis=1).ravel()
//   mutant: func.call @clear(%y) : (memref<16xi32>) -> () => func.call @clear_the_first(%y) : (memref<16xi32>) -> () finds: add_to reads what was left from an earlier object: byte 0 of out_buff_0
//   mutant: func.call @add_to(%x, %y) : (memref<16xi32>, memref<16xi32>) -> () =>  finds: nothing
//   mutant: func.call @clear(%y) : (memref<16xi32>) -> () => func.call @first_only(%y) : (memref<16xi32>) -> () finds: reads what was left from an earlier object
module {
  aie.device(npu1) {
    %shim = aie.tile(0, 0)
    %tile = aie.tile(0, 2)
    func.func private @clear(memref<16xi32>)
    func.func private @clear_the_first(memref<16xi32>)
    func.func private @first_only(memref<16xi32>)
    func.func private @add_to(memref<16xi32>, memref<16xi32>)
    aie.objectfifo @in(%shim, {%tile}, 2 : i32) : !aie.objectfifo<memref<16xi32>>
    aie.objectfifo @out(%tile, {%shim}, 1 : i32) : !aie.objectfifo<memref<16xi32>>
    aie.core(%tile) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c4 = arith.constant 4 : index
      %forever = arith.constant 9223372036854775807 : index
      scf.for %turn = %c0 to %forever step %c1 {
        %ys = aie.objectfifo.acquire @out(Produce, 1) : !aie.objectfifosubview<memref<16xi32>>
        %y = aie.objectfifo.subview.access %ys[0] : !aie.objectfifosubview<memref<16xi32>> -> memref<16xi32>
        func.call @clear(%y) : (memref<16xi32>) -> ()
        scf.for %k = %c0 to %c4 step %c1 {
          %xs = aie.objectfifo.acquire @in(Consume, 1) : !aie.objectfifosubview<memref<16xi32>>
          %x = aie.objectfifo.subview.access %xs[0] : !aie.objectfifosubview<memref<16xi32>> -> memref<16xi32>
          func.call @add_to(%x, %y) : (memref<16xi32>, memref<16xi32>) -> ()
          aie.objectfifo.release @in(Consume, 1)
        }
        aie.objectfifo.release @out(Produce, 1)
      }
      aie.end
    }
    aie.runtime_sequence @run(%a: memref<64xi32>, %b: memref<16xi32>) {
      aiex.npu.dma_memcpy_nd(%b[0, 0, 0, 0][1, 1, 1, 16][0, 0, 0, 1]) {id = 0 : i64, metadata = @out} : memref<16xi32>
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 64][0, 0, 0, 1]) {id = 1 : i64, metadata = @in} : memref<64xi32>
      aiex.npu.dma_wait {symbol = @out}
    }
  }
}
