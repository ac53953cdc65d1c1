// The core of the second device sums up where the core of the first kept its object: what lies there is no sum of its.
//   0: zeros
//   gives 0: np.array([77, 77, 77, 77, 5, 6, 7, 8])
//   mutant: memref.store %zero, %sum[%k] : memref<4xi32> => finds: element 0 of sum
module {
  aie.device(npu2) @main {
    aie.runtime_sequence @run(%all: memref<8xi32>) {
      aiex.configure @first {
        %cut = memref.subview %all[0] [4] [1] : memref<8xi32> to memref<4xi32, strided<[1], offset: 0>>
        %low = memref.reinterpret_cast %cut to offset: [0], sizes: [4], strides: [1] : memref<4xi32, strided<[1], offset: 0>> to memref<4xi32>
        aiex.run @fetch(%low) : (memref<4xi32>)
      }
      aiex.configure @second {
        %cut = memref.subview %all[4] [4] [1] : memref<8xi32> to memref<4xi32, strided<[1], offset: 4>>
        %high = memref.reinterpret_cast %cut to offset: [0], sizes: [4], strides: [1] : memref<4xi32, strided<[1], offset: 4>> to memref<4xi32>
        aiex.run @fetch(%high) : (memref<4xi32>)
      }
    }
  }
  aie.device(npu2) @first {
    %shim = aie.tile(0, 0)
    %tile = aie.tile(0, 2)
    aie.objectfifo @out(%tile, {%shim}, 1 : i32) : !aie.objectfifo<memref<4xi32>>
    aie.core(%tile) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c4 = arith.constant 4 : index
      %n = arith.constant 77 : i32
      %y = aie.objectfifo.acquire @out(Produce, 1) : memref<4xi32>
      scf.for %k = %c0 to %c4 step %c1 {
        memref.store %n, %y[%k] : memref<4xi32>
      }
      aie.objectfifo.release @out(Produce, 1)
      aie.end
    }
    aie.runtime_sequence @fetch(%a: memref<4xi32>) {
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 4][0, 0, 0, 1]) {id = 0 : i64, metadata = @out} : memref<4xi32>
      aiex.npu.dma_wait {symbol = @out}
    }
  }
  aie.device(npu2) @second {
    %shim = aie.tile(0, 0)
    %tile = aie.tile(0, 2)
    %sum = aie.buffer(%tile) {sym_name = "sum", address = 1024 : i32} : memref<4xi32>
    aie.objectfifo @out(%tile, {%shim}, 1 : i32) : !aie.objectfifo<memref<4xi32>>
    aie.core(%tile) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c4 = arith.constant 4 : index
      %zero = arith.constant 0 : i32
      %five = arith.constant 5 : i32
      scf.for %k = %c0 to %c4 step %c1 {
        memref.store %zero, %sum[%k] : memref<4xi32>
      }
      %y = aie.objectfifo.acquire @out(Produce, 1) : memref<4xi32>
      scf.for %k = %c0 to %c4 step %c1 {
        %before = memref.load %sum[%k] : memref<4xi32>
        %number = arith.index_cast %k : index to i32
        %more = arith.addi %number, %five : i32
        %after = arith.addi %before, %more : i32
        memref.store %after, %sum[%k] : memref<4xi32>
        memref.store %after, %y[%k] : memref<4xi32>
      }
      aie.objectfifo.release @out(Produce, 1)
      aie.end
    }
    aie.runtime_sequence @fetch(%a: memref<4xi32>) {
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 4][0, 0, 0, 1]) {id = 0 : i64, metadata = @out} : memref<4xi32>
      aiex.npu.dma_wait {symbol = @out}
    }
  }
}
