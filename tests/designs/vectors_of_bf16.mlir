// Vectors of bf16 are rounded to the floor by a core that nobody told otherwise.
//   0: random
//   1: zeros
//   gives 1: (lambda w: (w.view(np.uint32) + np.uint32(0xFFFF) * (w < 0) & np.uint32(0xFFFF0000)).view(np.float32))(a0.astype(np.float32) * np.float32(-0.10009765625))
module {
  aie.device(npu1) {
    %shim = aie.tile(0, 0)
    %tile = aie.tile(0, 2)
    aie.objectfifo @in(%shim, {%tile}, 2 : i32) : !aie.objectfifo<memref<16xbf16>>
    aie.objectfifo @out(%tile, {%shim}, 2 : i32) : !aie.objectfifo<memref<16xbf16>>
    aie.core(%tile) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %tenth = arith.constant dense<-1.000980e-01> : vector<16xbf16>
      %forever = arith.constant 9223372036854775807 : index
      scf.for %turn = %c0 to %forever step %c1 {
        %xs = aie.objectfifo.acquire @in(Consume, 1) : !aie.objectfifosubview<memref<16xbf16>>
        %x = aie.objectfifo.subview.access %xs[0] : !aie.objectfifosubview<memref<16xbf16>> -> memref<16xbf16>
        %ys = aie.objectfifo.acquire @out(Produce, 1) : !aie.objectfifosubview<memref<16xbf16>>
        %y = aie.objectfifo.subview.access %ys[0] : !aie.objectfifosubview<memref<16xbf16>> -> memref<16xbf16>
        %v = vector.load %x[%c0] : memref<16xbf16>, vector<16xbf16>
        %p = arith.mulf %v, %tenth : vector<16xbf16>
        vector.store %p, %y[%c0] : memref<16xbf16>, vector<16xbf16>
        aie.objectfifo.release @in(Consume, 1)
        aie.objectfifo.release @out(Produce, 1)
      }
      aie.end
    }
    aie.runtime_sequence @run(%a: memref<16xbf16>, %b: memref<16xbf16>) {
      aiex.npu.dma_memcpy_nd(%b[0, 0, 0, 0][1, 1, 1, 16][0, 0, 0, 1]) {id = 0 : i64, metadata = @out} : memref<16xbf16>
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 16][0, 0, 0, 1]) {id = 1 : i64, metadata = @in} : memref<16xbf16>
      aiex.npu.dma_wait {symbol = @out}
    }
  }
}
