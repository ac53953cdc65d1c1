// The second device sends from a mem tile what the first has left there: setting the array up anew clears nothing.
//   0: zeros
//   gives 0: np.concatenate([[11, 22, 33, 44], [11, 22, 33, 44]])
//   mutant: aiex.configure @first => aiex.configure @second finds: is handed on, and no byte of it was ever written
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
    %mem = aie.tile(0, 1)
    %held = aie.buffer(%mem) {initial_value = dense<[11, 22, 33, 44]> : tensor<4xi32>} : memref<4xi32>
    aie.memtile_dma(%mem) {
      aie.dma_start(MM2S, 0, ^send, ^end)
    ^send:
      aie.dma_bd(%held : memref<4xi32>, 0, 4)
      aie.next_bd ^end
    ^end:
      aie.end
    }
    aie.flow(%mem, DMA : 0, %shim, DMA : 0)
    aie.runtime_sequence @fetch(%a: memref<4xi32>) {
      %task = aiex.dma_configure_task(%shim, S2MM, 0) {
        aie.dma_bd(%a : memref<4xi32>, 0, 4)
        aie.end
      } {issue_token = true}
      aiex.dma_start_task(%task)
      aiex.dma_await_task(%task)
    }
  }
  aie.device(npu2) @second {
    %shim = aie.tile(0, 0)
    %mem = aie.tile(0, 1)
    %held = aie.buffer(%mem) : memref<4xi32>
    aie.memtile_dma(%mem) {
      aie.dma_start(MM2S, 0, ^send, ^end)
    ^send:
      aie.dma_bd(%held : memref<4xi32>, 0, 4)
      aie.next_bd ^end
    ^end:
      aie.end
    }
    aie.flow(%mem, DMA : 0, %shim, DMA : 0)
    aie.runtime_sequence @fetch(%a: memref<4xi32>) {
      %task = aiex.dma_configure_task(%shim, S2MM, 0) {
        aie.dma_bd(%a : memref<4xi32>, 0, 4)
        aie.end
      } {issue_token = true}
      aiex.dma_start_task(%task)
      aiex.dma_await_task(%task)
    }
  }
}
