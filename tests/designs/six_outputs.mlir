// Six tasks of an output channel, of which the sixth is started after a wait.
//   0: count
//   1: zeros
//   gives 1: a0
//   mutant: aiex.npu.dma_wait {symbol = @out} // first =>  finds: a task is pushed onto the full queue of S2MM channel 0 of shim (0, 0) (@out)
//   mutant: symbol = @out} // first => symbol = @in} // first finds: the instruction stream waits for a token of MM2S channel 0
module {
  aie.device(npu1) {
    %shim = aie.tile(0, 0)
    %tile = aie.tile(0, 2)
    func.func private @slow_copy(memref<16xi32>, memref<16xi32>)
    aie.objectfifo @in(%shim, {%tile}, 2 : i32) : !aie.objectfifo<memref<16xi32>>
    aie.objectfifo @out(%tile, {%shim}, 2 : i32) : !aie.objectfifo<memref<16xi32>>
    aie.core(%tile) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %forever = arith.constant 9223372036854775807 : index
      scf.for %turn = %c0 to %forever step %c1 {
        %xs = aie.objectfifo.acquire @in(Consume, 1) : !aie.objectfifosubview<memref<16xi32>>
        %x = aie.objectfifo.subview.access %xs[0] : !aie.objectfifosubview<memref<16xi32>> -> memref<16xi32>
        %ys = aie.objectfifo.acquire @out(Produce, 1) : !aie.objectfifosubview<memref<16xi32>>
        %y = aie.objectfifo.subview.access %ys[0] : !aie.objectfifosubview<memref<16xi32>> -> memref<16xi32>
        func.call @slow_copy(%x, %y) : (memref<16xi32>, memref<16xi32>) -> ()
        aie.objectfifo.release @in(Consume, 1)
        aie.objectfifo.release @out(Produce, 1)
      }
      aie.end
    }
    aie.runtime_sequence @run(%a: memref<160xi32>, %b: memref<160xi32>) {
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 160][0, 0, 0, 1]) {id = 8 : i64, metadata = @in} : memref<160xi32>
      aiex.npu.dma_memcpy_nd(%b[0, 0, 0, 0][1, 1, 1, 32][0, 0, 0, 1]) {id = 0 : i64, metadata = @out} : memref<160xi32>
      aiex.npu.dma_memcpy_nd(%b[0, 0, 0, 32][1, 1, 1, 32][0, 0, 0, 1]) {id = 1 : i64, metadata = @out} : memref<160xi32>
      aiex.npu.dma_memcpy_nd(%b[0, 0, 0, 64][1, 1, 1, 32][0, 0, 0, 1]) {id = 2 : i64, metadata = @out} : memref<160xi32>
      aiex.npu.dma_memcpy_nd(%b[0, 0, 0, 96][1, 1, 1, 32][0, 0, 0, 1]) {id = 3 : i64, metadata = @out} : memref<160xi32>
      aiex.npu.dma_memcpy_nd(%b[0, 0, 0, 128][1, 1, 1, 16][0, 0, 0, 1]) {id = 4 : i64, metadata = @out} : memref<160xi32>
      aiex.npu.dma_wait {symbol = @out} // first
      aiex.npu.dma_memcpy_nd(%b[0, 0, 0, 144][1, 1, 1, 16][0, 0, 0, 1]) {id = 5 : i64, metadata = @out} : memref<160xi32>
      aiex.npu.dma_wait {symbol = @out}
      aiex.npu.dma_wait {symbol = @out}
      aiex.npu.dma_wait {symbol = @out}
      aiex.npu.dma_wait {symbol = @out}
      aiex.npu.dma_wait {symbol = @out}
    }
  }
}
