// Two channels of a mem tile fill the halves of one buffer, each behind its own lock; a third sends it when both have.
//   0: count
//   1: count
//   2: zeros
//   gives 2: np.stack([a0.reshape(4, 8), a1.reshape(4, 8)], axis=1).ravel()
//   mutant: offset = 8 len = 8 => offset = 4 len = 8 finds: whole is written by S2MM channel 0 of mem (0, 1) and by S2MM channel 1 of mem (0, 1), and nothing decides who comes first
module {
  aie.device(npu1) {
    %shim = aie.tile(0, 0)
    %other = aie.tile(1, 0)
    %mem = aie.tile(0, 1)
    aie.flow(%shim, DMA : 0, %mem, DMA : 0)
    aie.flow(%other, DMA : 0, %mem, DMA : 1)
    aie.flow(%mem, DMA : 0, %shim, DMA : 0)
    aie.shim_dma_allocation @left(%shim, MM2S, 0)
    aie.shim_dma_allocation @right(%other, MM2S, 0)
    aie.shim_dma_allocation @out(%shim, S2MM, 0)
    %whole = aie.buffer(%mem) {sym_name = "whole"} : memref<16xi32>
    %left_free = aie.lock(%mem, 0) {init = 1 : i32, sym_name = "left_free"}
    %right_free = aie.lock(%mem, 1) {init = 1 : i32, sym_name = "right_free"}
    %left_filled = aie.lock(%mem, 2) {init = 0 : i32, sym_name = "left_filled"}
    %right_filled = aie.lock(%mem, 3) {init = 0 : i32, sym_name = "right_filled"}
    %program = aie.memtile_dma(%mem) {
      %first = aie.dma_start(S2MM, 0, ^left, ^second)
    ^left:
      aie.use_lock(%left_free, AcquireGreaterEqual, 1)
      aie.dma_bd(%whole : memref<16xi32> offset = 0 len = 8)
      aie.use_lock(%left_filled, Release, 1)
      aie.next_bd ^left
    ^second:
      %next = aie.dma_start(S2MM, 1, ^right, ^third)
    ^right:
      aie.use_lock(%right_free, AcquireGreaterEqual, 1)
      aie.dma_bd(%whole : memref<16xi32> offset = 8 len = 8)
      aie.use_lock(%right_filled, Release, 1)
      aie.next_bd ^right
    ^third:
      %last = aie.dma_start(MM2S, 0, ^send_left, ^end)
    ^send_left:
      aie.use_lock(%left_filled, AcquireGreaterEqual, 1)
      aie.dma_bd(%whole : memref<16xi32> offset = 0 len = 8)
      aie.use_lock(%left_free, Release, 1)
      aie.next_bd ^send_right
    ^send_right:
      aie.use_lock(%right_filled, AcquireGreaterEqual, 1)
      aie.dma_bd(%whole : memref<16xi32> offset = 8 len = 8)
      aie.use_lock(%right_free, Release, 1)
      aie.next_bd ^send_left
    ^end:
      aie.end
    }
    aie.runtime_sequence @run(%a: memref<32xi32>, %b: memref<32xi32>, %c: memref<64xi32>) {
      aiex.npu.dma_memcpy_nd(%c[0, 0, 0, 0][1, 1, 1, 64][0, 0, 0, 1]) {id = 0 : i64, metadata = @out} : memref<64xi32>
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 32][0, 0, 0, 1]) {id = 1 : i64, metadata = @left} : memref<32xi32>
      aiex.npu.dma_memcpy_nd(%b[0, 0, 0, 0][1, 1, 1, 32][0, 0, 0, 1]) {id = 0 : i64, metadata = @right} : memref<32xi32>
      aiex.npu.dma_wait {symbol = @out}
    }
  }
}
