// The mem tile sends objects of 64, of which the core makes objects of 16.
//   0: count
//   1: zeros
//   gives 1: a0
//   mutant: -> !aie.objectfifo<memref<16xi32>> => -> !aie.objectfifo<memref<48xi32>> finds: the objects of @parts are memref<48xi32>, not memref<16xi32>
//   mutant:  -> !aie.objectfifo<memref<16xi32>> =>  finds: the objects of @parts are memref<64xi32>, not memref<16xi32>
//   mutant: to %c8 step => to %c7 step finds: S2MM channel 0 of shim (0, 0) (@out) was asked for 512 bytes and has moved 448
module {
  aie.device(npu1) {
    %shim = aie.tile(0, 0)
    %mem = aie.tile(0, 1)
    %tile = aie.tile(0, 2)
    func.func private @copy(memref<16xi32>, memref<16xi32>)
    aie.objectfifo @in(%shim, {%mem}, 2 : i32) : !aie.objectfifo<memref<64xi32>>
    aie.objectfifo @parts(%mem, {%tile}, 2 : i32) : !aie.objectfifo<memref<64xi32>> -> !aie.objectfifo<memref<16xi32>>
    aie.objectfifo.link [@in] -> [@parts] ([] [])
    aie.objectfifo @out(%tile, {%shim}, 2 : i32) : !aie.objectfifo<memref<16xi32>>
    aie.core(%tile) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c7 = arith.constant 7 : index
      %c8 = arith.constant 8 : index
      scf.for %turn = %c0 to %c8 step %c1 {
        %x = aie.objectfifo.acquire @parts(Consume, 1) : memref<16xi32>
        %y = aie.objectfifo.acquire @out(Produce, 1) : memref<16xi32>
        func.call @copy(%x, %y) : (memref<16xi32>, memref<16xi32>) -> ()
        aie.objectfifo.release @parts(Consume, 1)
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
