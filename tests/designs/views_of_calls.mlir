// A tile function gets a buffer under the name of a view that has all of it, and never a part of one.
//   0: count
//   1: zeros
//   gives 1: 2 * a0
//   mutant: memref<2x8xi32> => memref<2x8xi32, strided<[8, 1], offset: ?>> finds: twice has a parameter of type memref<2x8xi32, strided<[8, 1], offset: ?>>
//   mutant: offset: [0] => offset: [%c1] finds: passes a part of in_cons_buff_0 to twice
module {
  aie.device(npu1) {
    %shim = aie.tile(0, 0)
    %tile = aie.tile(0, 2)
    aie.objectfifo @in(%shim, {%tile}, 2 : i32) : !aie.objectfifo<memref<16xi32>>
    aie.objectfifo @out(%tile, {%shim}, 2 : i32) : !aie.objectfifo<memref<4x4xi32>>
    func.func private @twice(memref<2x8xi32>, memref<16xi32>)
    aie.core(%tile) {
      %c1 = arith.constant 1 : index
      %xs = aie.objectfifo.acquire @in(Consume, 1) : !aie.objectfifosubview<memref<16xi32>>
      %x = aie.objectfifo.subview.access %xs[0] : !aie.objectfifosubview<memref<16xi32>> -> memref<16xi32>
      %ys = aie.objectfifo.acquire @out(Produce, 1) : !aie.objectfifosubview<memref<4x4xi32>>
      %y = aie.objectfifo.subview.access %ys[0] : !aie.objectfifosubview<memref<4x4xi32>> -> memref<4x4xi32>
      %whole = memref.reinterpret_cast %x to offset: [0], sizes: [2, 8], strides: [8, 1] : memref<16xi32> to memref<2x8xi32>
      %flat = memref.collapse_shape %y [[0, 1]] : memref<4x4xi32> into memref<16xi32>
      func.call @twice(%whole, %flat) : (memref<2x8xi32>, memref<16xi32>) -> ()
      aie.objectfifo.release @in(Consume, 1)
      aie.objectfifo.release @out(Produce, 1)
      aie.end
    }
    aie.runtime_sequence @run(%a: memref<16xi32>, %b: memref<16xi32>) {
      aiex.npu.dma_memcpy_nd(%b[0, 0, 0, 0][1, 1, 1, 16][0, 0, 0, 1]) {id = 0 : i64, metadata = @out} : memref<16xi32>
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 16][0, 0, 0, 1]) {id = 1 : i64, metadata = @in} : memref<16xi32>
      aiex.npu.dma_wait {symbol = @out}
    }
  }
}
