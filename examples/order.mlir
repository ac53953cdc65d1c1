// Two cores write one word that goes to the host; %done says that the first has written, and then the second.
module {
  aie.device(npu1) @main {
    %shim = aie.tile(0, 0)
    %tile = aie.tile(0, 2)
    %next = aie.tile(0, 3)

    %word = aie.buffer(%tile) {sym_name = "word"} : memref<1xi32>
    %free = aie.lock(%tile, 0) {init = 1 : i32, sym_name = "free"}
    %done = aie.lock(%tile, 1) {init = 0 : i32, sym_name = "done"}

    %first = aie.core(%tile) {
      %c0 = arith.constant 0 : index
      %three = arith.constant 3 : i32
      aie.use_lock(%free, AcquireGreaterEqual, 1)
      memref.store %three, %word[%c0] : memref<1xi32>
      aie.use_lock(%free, Release, 1)
      aie.use_lock(%done, Release, 1)
      aie.end
    }

    %second = aie.core(%next) {
      %c0 = arith.constant 0 : index
      %four = arith.constant 4 : i32
      aie.use_lock(%done, AcquireGreaterEqual, 1)
      memref.store %four, %word[%c0] : memref<1xi32>
      aie.use_lock(%done, Release, 2)
      aie.end
    }

    %move = aie.mem(%tile) {
      %start = aie.dma_start(MM2S, 0, ^bd, ^end)
    ^bd:
      aie.use_lock(%done, AcquireGreaterEqual, 2)
      aie.dma_bd(%word : memref<1xi32>, 0, 1)
      aie.use_lock(%free, Release, 1)
      aie.next_bd ^bd
    ^end:
      aie.end
    }

    aie.flow(%tile, DMA : 0, %shim, DMA : 0)
    aie.shim_dma_allocation @out(%shim, S2MM, 0)

    aie.runtime_sequence @run(%a: memref<1xi32>) {
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 1][0, 0, 0, 1]) {id = 0 : i64, metadata = @out} : memref<1xi32>
      aiex.npu.dma_wait {symbol = @out}
    }
  }
}
