// A mem tile gives each half of an object to a core of its own, and joins what they make.
//   0: count
//   1: zeros
//   gives 1: np.concatenate([2 * a0[:16], a0[16:] + 1])
//   mutant: @twice => @does_nothing finds: an object of @low_out is handed on, and no byte of it was ever written
//   mutant: aie.objectfifo.release @low_out(Produce, 1) =>  finds: deadlock
module {
  aie.device(npu1) {
    %shim = aie.tile(0, 0)
    %mem = aie.tile(0, 1)
    %tile = aie.tile(0, 2)
    %next = aie.tile(0, 3)
    func.func private @twice(memref<16xi32>, memref<16xi32>)
    func.func private @plus_one(memref<16xi32>, memref<16xi32>)
    aie.objectfifo @in(%shim, {%mem}, 2 : i32) : !aie.objectfifo<memref<32xi32>>
    aie.objectfifo @low(%mem, {%tile}, 2 : i32) : !aie.objectfifo<memref<16xi32>>
    aie.objectfifo @high(%mem, {%next}, 2 : i32) : !aie.objectfifo<memref<16xi32>>
    aie.objectfifo.link [@in] -> [@low, @high] ([] [0, 16])
    aie.objectfifo @low_out(%tile, {%mem}, 2 : i32) : !aie.objectfifo<memref<16xi32>>
    aie.objectfifo @high_out(%next, {%mem}, 2 : i32) : !aie.objectfifo<memref<16xi32>>
    aie.objectfifo @out(%mem, {%shim}, 2 : i32) : !aie.objectfifo<memref<32xi32>>
    aie.objectfifo.link [@low_out, @high_out] -> [@out] ([0, 16] [])
    aie.core(%tile) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %forever = arith.constant 9223372036854775807 : index
      scf.for %turn = %c0 to %forever step %c1 {
        %xs = aie.objectfifo.acquire @low(Consume, 1) : !aie.objectfifosubview<memref<16xi32>>
        %x = aie.objectfifo.subview.access %xs[0] : !aie.objectfifosubview<memref<16xi32>> -> memref<16xi32>
        %ys = aie.objectfifo.acquire @low_out(Produce, 1) : !aie.objectfifosubview<memref<16xi32>>
        %y = aie.objectfifo.subview.access %ys[0] : !aie.objectfifosubview<memref<16xi32>> -> memref<16xi32>
        func.call @twice(%x, %y) : (memref<16xi32>, memref<16xi32>) -> ()
        aie.objectfifo.release @low(Consume, 1)
        aie.objectfifo.release @low_out(Produce, 1)
      }
      aie.end
    }
    aie.core(%next) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %forever = arith.constant 9223372036854775807 : index
      scf.for %turn = %c0 to %forever step %c1 {
        %xs = aie.objectfifo.acquire @high(Consume, 1) : !aie.objectfifosubview<memref<16xi32>>
        %x = aie.objectfifo.subview.access %xs[0] : !aie.objectfifosubview<memref<16xi32>> -> memref<16xi32>
        %ys = aie.objectfifo.acquire @high_out(Produce, 1) : !aie.objectfifosubview<memref<16xi32>>
        %y = aie.objectfifo.subview.access %ys[0] : !aie.objectfifosubview<memref<16xi32>> -> memref<16xi32>
        func.call @plus_one(%x, %y) : (memref<16xi32>, memref<16xi32>) -> ()
        aie.objectfifo.release @high(Consume, 1)
        aie.objectfifo.release @high_out(Produce, 1)
      }
      aie.end
    }
    aie.runtime_sequence @run(%a: memref<32xi32>, %b: memref<32xi32>) {
      aiex.npu.dma_memcpy_nd(%b[0, 0, 0, 0][1, 1, 1, 32][0, 0, 0, 1]) {id = 0 : i64, metadata = @out} : memref<32xi32>
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 32][0, 0, 0, 1]) {id = 1 : i64, metadata = @in} : memref<32xi32>
      aiex.npu.dma_wait {symbol = @out}
    }
  }
}
