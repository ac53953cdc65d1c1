// Two cores send one object each for every object that the mem tile joins of them. Its channels take 2 rounds of 2 and
// end; those of the cores, which have one object, go on for ever.
//   0: count
//   1: zeros
//   gives 1: np.concatenate([a0.reshape(4, 16), a0.reshape(4, 16)], axis=1).ravel()
//   mutant: iter_count = 2 => iter_count = 1 finds: deadlock: the run cannot finish, everyone waits for someone else
module {
  aie.device(npu1) {
    %shim = aie.tile(0, 0)
    %mem = aie.tile(0, 1)
    %lower = aie.tile(0, 2)
    %upper = aie.tile(0, 3)
    func.func private @copy(memref<16xi32>, memref<16xi32>)
    aie.objectfifo @in(%shim, {%lower, %upper}, 2 : i32) : !aie.objectfifo<memref<16xi32>>
    aie.objectfifo @left(%lower, {%mem}, [1, 2]) {iter_count = 2 : i32} : !aie.objectfifo<memref<16xi32>>
    aie.objectfifo @right(%upper, {%mem}, [1, 2]) {iter_count = 2 : i32} : !aie.objectfifo<memref<16xi32>>
    aie.objectfifo @out(%mem, {%shim}, 2 : i32) : !aie.objectfifo<memref<32xi32>>
    aie.objectfifo.link [@left, @right] -> [@out] ([0, 16] [])
    aie.core(%lower) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %forever = arith.constant 9223372036854775807 : index
      scf.for %turn = %c0 to %forever step %c1 {
        %xs = aie.objectfifo.acquire @in(Consume, 1) : !aie.objectfifosubview<memref<16xi32>>
        %x = aie.objectfifo.subview.access %xs[0] : !aie.objectfifosubview<memref<16xi32>> -> memref<16xi32>
        %ys = aie.objectfifo.acquire @left(Produce, 1) : !aie.objectfifosubview<memref<16xi32>>
        %y = aie.objectfifo.subview.access %ys[0] : !aie.objectfifosubview<memref<16xi32>> -> memref<16xi32>
        func.call @copy(%x, %y) : (memref<16xi32>, memref<16xi32>) -> ()
        aie.objectfifo.release @in(Consume, 1)
        aie.objectfifo.release @left(Produce, 1)
      }
      aie.end
    }
    aie.core(%upper) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %forever = arith.constant 9223372036854775807 : index
      scf.for %turn = %c0 to %forever step %c1 {
        %xs = aie.objectfifo.acquire @in(Consume, 1) : !aie.objectfifosubview<memref<16xi32>>
        %x = aie.objectfifo.subview.access %xs[0] : !aie.objectfifosubview<memref<16xi32>> -> memref<16xi32>
        %ys = aie.objectfifo.acquire @right(Produce, 1) : !aie.objectfifosubview<memref<16xi32>>
        %y = aie.objectfifo.subview.access %ys[0] : !aie.objectfifosubview<memref<16xi32>> -> memref<16xi32>
        func.call @copy(%x, %y) : (memref<16xi32>, memref<16xi32>) -> ()
        aie.objectfifo.release @in(Consume, 1)
        aie.objectfifo.release @right(Produce, 1)
      }
      aie.end
    }
    aie.runtime_sequence @run(%a: memref<64xi32>, %b: memref<128xi32>) {
      aiex.npu.dma_memcpy_nd(%b[0, 0, 0, 0][1, 1, 1, 128][0, 0, 0, 1]) {id = 0 : i64, metadata = @out} : memref<128xi32>
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 64][0, 0, 0, 1]) {id = 1 : i64, metadata = @in} : memref<64xi32>
      aiex.npu.dma_wait {symbol = @out}
    }
  }
}
