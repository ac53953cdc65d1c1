// A sequence sets the array up with two other devices, one after the other, and runs a part of its argument on each.
//   0: count
//   gives 0: np.concatenate([2 + a0[:16], 3 + a0[16:32], a0[32:]])
//   mutant: aiex.run @plus(%low) => aiex.run @minus(%low) finds: @two has no sequence @minus
//   mutant: aiex.configure @three => aiex.configure @four finds: there is no other device @four
//   mutant: aiex.run @plus(%low) : (memref<16xi32>) => aiex.run @plus(%all) : (memref<64xi32>) finds: @plus takes other arguments
module {
  aie.device(npu1) @main {
    aie.runtime_sequence @run(%all: memref<64xi32>) {
      aiex.configure @two {
        %cut = memref.subview %all[0] [16] [1] : memref<64xi32> to memref<16xi32, strided<[1], offset: 0>>
        %low = memref.reinterpret_cast %cut to offset: [0], sizes: [16], strides: [1] : memref<16xi32, strided<[1], offset: 0>> to memref<16xi32>
        aiex.run @plus(%low) : (memref<16xi32>)
      }
      aiex.configure @three {
        %cut = memref.subview %all[16] [16] [1] : memref<64xi32> to memref<16xi32, strided<[1], offset: 16>>
        %high = memref.reinterpret_cast %cut to offset: [0], sizes: [16], strides: [1] : memref<16xi32, strided<[1], offset: 16>> to memref<16xi32>
        aiex.run @plus(%high) : (memref<16xi32>)
      }
    }
  }
  aie.device(npu1) @two {
    %shim = aie.tile(0, 0)
    %tile = aie.tile(0, 2)
    aie.objectfifo @in(%shim, {%tile}, 1 : i32) : !aie.objectfifo<memref<16xi32>>
    aie.objectfifo @out(%tile, {%shim}, 1 : i32) : !aie.objectfifo<memref<16xi32>>
    aie.core(%tile) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c16 = arith.constant 16 : index
      %more = arith.constant 2 : i32
      %x = aie.objectfifo.acquire @in(Consume, 1) : memref<16xi32>
      %y = aie.objectfifo.acquire @out(Produce, 1) : memref<16xi32>
      scf.for %k = %c0 to %c16 step %c1 {
        %value = memref.load %x[%k] : memref<16xi32>
        %sum = arith.addi %value, %more : i32
        memref.store %sum, %y[%k] : memref<16xi32>
      }
      aie.objectfifo.release @in(Consume, 1)
      aie.objectfifo.release @out(Produce, 1)
      aie.end
    }
    aie.runtime_sequence @plus(%a: memref<16xi32>) {
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 16][0, 0, 0, 1]) {id = 0 : i64, metadata = @in} : memref<16xi32>
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 16][0, 0, 0, 1]) {id = 1 : i64, metadata = @out} : memref<16xi32>
      aiex.npu.dma_wait {symbol = @out}
    }
  }
  aie.device(npu1) @three {
    %shim = aie.tile(0, 0)
    %tile = aie.tile(0, 2)
    aie.objectfifo @in(%shim, {%tile}, 1 : i32) : !aie.objectfifo<memref<16xi32>>
    aie.objectfifo @out(%tile, {%shim}, 1 : i32) : !aie.objectfifo<memref<16xi32>>
    aie.core(%tile) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c16 = arith.constant 16 : index
      %more = arith.constant 3 : i32
      %x = aie.objectfifo.acquire @in(Consume, 1) : memref<16xi32>
      %y = aie.objectfifo.acquire @out(Produce, 1) : memref<16xi32>
      scf.for %k = %c0 to %c16 step %c1 {
        %value = memref.load %x[%k] : memref<16xi32>
        %sum = arith.addi %value, %more : i32
        memref.store %sum, %y[%k] : memref<16xi32>
      }
      aie.objectfifo.release @in(Consume, 1)
      aie.objectfifo.release @out(Produce, 1)
      aie.end
    }
    aie.runtime_sequence @plus(%a: memref<16xi32>) {
      %in = aiex.dma_configure_task_for @in {
        aie.dma_bd(%a : memref<16xi32> offset = 0 len = 16)
        aie.end
      }
      %out = aiex.dma_configure_task_for @out {
        aie.dma_bd(%a : memref<16xi32> offset = 0 len = 16)
        aie.end
      } {issue_token = true}
      aiex.dma_start_task(%in)
      aiex.dma_start_task(%out)
      aiex.dma_await_task(%out)
    }
  }
}
