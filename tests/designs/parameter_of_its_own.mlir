// A core gives a parameter a value of its own before it first waits for anything, and the sequence gives it another: by
// then the core has long begun.
//   0: count
//   1: zeros
//   gives 1: a0 + 42
//   mutant: aiex.npu.dma_wait {symbol = @out} => aiex.npu.rtp_write(@parameter, 0, 43) aiex.npu.dma_wait {symbol = @out} finds: parameter is
module {
  aie.device(npu1) {
    %shim = aie.tile(0, 0)
    %tile = aie.tile(0, 2)
    aie.objectfifo @in(%shim, {%tile}, 2 : i32) : !aie.objectfifo<memref<16xi32>>
    aie.objectfifo @out(%tile, {%shim}, 2 : i32) : !aie.objectfifo<memref<16xi32>>
    %parameter = aie.buffer(%tile) {sym_name = "parameter"} : memref<4xi32>
    aie.core(%tile) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c16 = arith.constant 16 : index
      %forever = arith.constant 9223372036854775807 : index
      %own = arith.constant 7 : i32
      memref.store %own, %parameter[%c0] : memref<4xi32>
      scf.for %turn = %c0 to %forever step %c1 {
        %xs = aie.objectfifo.acquire @in(Consume, 1) : !aie.objectfifosubview<memref<16xi32>>
        %x = aie.objectfifo.subview.access %xs[0] : !aie.objectfifosubview<memref<16xi32>> -> memref<16xi32>
        %ys = aie.objectfifo.acquire @out(Produce, 1) : !aie.objectfifosubview<memref<16xi32>>
        %y = aie.objectfifo.subview.access %ys[0] : !aie.objectfifosubview<memref<16xi32>> -> memref<16xi32>
        %p = memref.load %parameter[%c0] : memref<4xi32>
        scf.for %k = %c0 to %c16 step %c1 {
          %a = memref.load %x[%k] : memref<16xi32>
          %s = arith.addi %a, %p : i32
          memref.store %s, %y[%k] : memref<16xi32>
        }
        aie.objectfifo.release @in(Consume, 1)
        aie.objectfifo.release @out(Produce, 1)
      }
      aie.end
    }
    aie.runtime_sequence @run(%a: memref<16xi32>, %b: memref<16xi32>) {
      aiex.npu.rtp_write(@parameter, 0, 42)
      aiex.npu.dma_memcpy_nd(%b[0, 0, 0, 0][1, 1, 1, 16][0, 0, 0, 1]) {id = 0 : i64, metadata = @out} : memref<16xi32>
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 16][0, 0, 0, 1]) {id = 1 : i64, metadata = @in} : memref<16xi32>
      aiex.npu.dma_wait {symbol = @out}
    }
  }
}
