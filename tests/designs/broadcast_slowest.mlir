// A broadcast is as fast as its slowest receiver: a core that wants two results of the other first needs room for two.
//   0: count
//   1: zeros
//   gives 1: a0[:64]
//   mutant: [2, 2, 2] => [2, 1, 1] finds: another receiver of it takes none
//   mutant: [2, 2, 2] => [2, 2, 1] finds: another receiver of it takes none
module {
  aie.device(npu1) {
    %shim = aie.tile(0, 0)
    %tile = aie.tile(0, 2)
    %next = aie.tile(0, 3)
    aie.objectfifo @in(%shim, {%tile, %next}, [2, 2, 2]) : !aie.objectfifo<memref<64xi32>>
    aie.objectfifo @first(%tile, {%next}, 3 : i32) {via_DMA = true} : !aie.objectfifo<memref<64xi32>>
    aie.objectfifo @out(%next, {%shim}, 2 : i32) : !aie.objectfifo<memref<64xi32>>
    aie.core(%tile) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %forever = arith.constant 9223372036854775807 : index
      scf.for %turn = %c0 to %forever step %c1 {
        %xs = aie.objectfifo.acquire @in(Consume, 1) : !aie.objectfifosubview<memref<64xi32>>
        %x = aie.objectfifo.subview.access %xs[0] : !aie.objectfifosubview<memref<64xi32>> -> memref<64xi32>
        %ys = aie.objectfifo.acquire @first(Produce, 1) : !aie.objectfifosubview<memref<64xi32>>
        %y = aie.objectfifo.subview.access %ys[0] : !aie.objectfifosubview<memref<64xi32>> -> memref<64xi32>
        memref.copy %x, %y : memref<64xi32> to memref<64xi32>
        aie.objectfifo.release @in(Consume, 1)
        aie.objectfifo.release @first(Produce, 1)
      }
      aie.end
    }
    aie.core(%next) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %forever = arith.constant 9223372036854775807 : index
      scf.for %turn = %c0 to %forever step %c1 {
        %fs = aie.objectfifo.acquire @first(Consume, 2) : !aie.objectfifosubview<memref<64xi32>>
        %f0 = aie.objectfifo.subview.access %fs[0] : !aie.objectfifosubview<memref<64xi32>> -> memref<64xi32>
        %f1 = aie.objectfifo.subview.access %fs[1] : !aie.objectfifosubview<memref<64xi32>> -> memref<64xi32>
        %xs = aie.objectfifo.acquire @in(Consume, 1) : !aie.objectfifosubview<memref<64xi32>>
        %x = aie.objectfifo.subview.access %xs[0] : !aie.objectfifosubview<memref<64xi32>> -> memref<64xi32>
        %ys = aie.objectfifo.acquire @out(Produce, 1) : !aie.objectfifosubview<memref<64xi32>>
        %y = aie.objectfifo.subview.access %ys[0] : !aie.objectfifosubview<memref<64xi32>> -> memref<64xi32>
        memref.copy %f0, %y : memref<64xi32> to memref<64xi32>
        aie.objectfifo.release @in(Consume, 1)
        aie.objectfifo.release @first(Consume, 2)
        aie.objectfifo.release @out(Produce, 1)
        %zs = aie.objectfifo.acquire @in(Consume, 1) : !aie.objectfifosubview<memref<64xi32>>
        %z = aie.objectfifo.subview.access %zs[0] : !aie.objectfifosubview<memref<64xi32>> -> memref<64xi32>
        aie.objectfifo.release @in(Consume, 1)
      }
      aie.end
    }
    aie.runtime_sequence @run(%a: memref<128xi32>, %b: memref<64xi32>) {
      aiex.npu.dma_memcpy_nd(%b[0, 0, 0, 0][1, 1, 1, 64][0, 0, 0, 1]) {id = 0 : i64, metadata = @out} : memref<64xi32>
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 128][0, 0, 0, 1]) {id = 1 : i64, metadata = @in} : memref<128xi32>
      aiex.npu.dma_wait {symbol = @out}
    }
  }
}
