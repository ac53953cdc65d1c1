// A core that goes over its buffers by views: quarters of an object, its rows and columns, and the whole under other indices.
//   0: count
//   1: zeros
//   gives 1: (a0.reshape(4, 4).T * np.arange(1, 5)[:, None]).ravel()
//   mutant: memref.subview %x[%row] => memref.subview %x[%far] finds: takes a part of in_cons_buff_0 that is not there
//   mutant: memref.load %quarter[%column] => memref.load %quarter[%far] finds: accesses in_cons_buff_0 outside its shape
//   mutant: sizes: [4, 4], strides: [4, 1] => sizes: [4, 4], strides: [5, 2] finds: accesses out_buff_0 outside its shape
//   mutant: offset: [0] => offset: [1] finds: accesses out_buff_0 outside its shape
module {
  aie.device(npu1) {
    %shim = aie.tile(0, 0)
    %tile = aie.tile(0, 2)
    aie.objectfifo @in(%shim, {%tile}, 2 : i32) : !aie.objectfifo<memref<16xi32>>
    aie.objectfifo @out(%tile, {%shim}, 2 : i32) : !aie.objectfifo<memref<16xi32>>
    aie.core(%tile) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c4 = arith.constant 4 : index
      %c16 = arith.constant 16 : index
      %far = arith.constant 14 : index
      %xs = aie.objectfifo.acquire @in(Consume, 1) : !aie.objectfifosubview<memref<16xi32>>
      %x = aie.objectfifo.subview.access %xs[0] : !aie.objectfifosubview<memref<16xi32>> -> memref<16xi32>
      %ys = aie.objectfifo.acquire @out(Produce, 1) : !aie.objectfifosubview<memref<16xi32>>
      %y = aie.objectfifo.subview.access %ys[0] : !aie.objectfifosubview<memref<16xi32>> -> memref<16xi32>
      %square = memref.reinterpret_cast %y to offset: [0], sizes: [4, 4], strides: [4, 1] : memref<16xi32> to memref<4x4xi32>
      scf.for %row = %c0 to %c16 step %c4 {
        %quarter = memref.subview %x[%row] [4] [1] : memref<16xi32> to memref<4xi32, strided<[1], offset: ?>>
        %to = arith.divsi %row, %c4 : index
        %column_of_y = memref.subview %square[0, %to] [4, 1] [1, 1] : memref<4x4xi32> to memref<4xi32, strided<[4], offset: ?>>
        scf.for %column = %c0 to %c4 step %c1 {
          %a = memref.load %quarter[%column] : memref<4xi32, strided<[1], offset: ?>>
          memref.store %a, %column_of_y[%column] : memref<4xi32, strided<[4], offset: ?>>
        }
      }
      %flat = memref.collapse_shape %square [[0, 1]] : memref<4x4xi32> into memref<16xi32>
      %again = memref.expand_shape %flat [[0, 1]] output_shape [4, 4] : memref<16xi32> into memref<4x4xi32>
      %open = memref.cast %again : memref<4x4xi32> to memref<?x4xi32>
      %rows = memref.dim %open, %c0 : memref<?x4xi32>
      scf.for %row = %c0 to %rows step %c1 {
        %next = arith.addi %row, %c1 : index
        %factor = arith.index_cast %next : index to i32
        scf.for %column = %c0 to %c4 step %c1 {
          %a = memref.load %open[%row, %column] : memref<?x4xi32>
          %b = arith.muli %a, %factor : i32
          memref.store %b, %open[%row, %column] : memref<?x4xi32>
        }
      }
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
