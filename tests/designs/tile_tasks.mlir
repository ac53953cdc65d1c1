// Tasks of a mem tile and of a core tile, with locks, chains and tokens: data goes up to the core tile and comes back.
//   0: count
//   1: zeros
//   gives 1: np.concatenate([a0[32:48], a0[:32], a0[48:]])
//   mutant: aiex.dma_start_task(%up) =>  finds: MM2S channel 0 of mem (0, 1) waits for a filled object
//   mutant: offset = 16 len = 32) => offset = 48 len = 32) finds: the BD of held reaches beyond its buffer
//   mutant: dma_configure_task(%mem, MM2S, 0) => dma_configure_task(%mem, MM2S, 6) finds: there is no MM2S channel 6 on mem (0, 1)
//   mutant: aiex.dma_await_task(%core_out) => aiex.dma_await_task(%core_in) finds: a task is awaited that issues no token
module {
  aie.device(npu1) {
    %shim = aie.tile(0, 0)
    %mem = aie.tile(0, 1)
    %tile = aie.tile(0, 2)
    %held = aie.buffer(%mem) {sym_name = "held"} : memref<64xi32>
    %work = aie.buffer(%tile) {sym_name = "work"} : memref<64xi32>
    %empty = aie.lock(%mem, 2) {init = 2 : i32, sym_name = "empty"}
    %full = aie.lock(%mem, 5) {init = 0 : i32, sym_name = "full"}
    aie.flow(%shim, DMA : 0, %mem, DMA : 0)
    aie.flow(%mem, DMA : 0, %tile, DMA : 0)
    aie.flow(%tile, DMA : 0, %shim, DMA : 0)
    aie.shim_dma_allocation @in(%shim, MM2S, 0)
    aie.shim_dma_allocation @out(%shim, S2MM, 0)
    aie.runtime_sequence @run(%a: memref<64xi32>, %b: memref<64xi32>) {
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 64][0, 0, 0, 1]) {id = 0 : i64, metadata = @in} : memref<64xi32>
      aiex.npu.dma_memcpy_nd(%b[0, 0, 0, 0][1, 1, 1, 64][0, 0, 0, 1]) {id = 1 : i64, metadata = @out} : memref<64xi32>
      %up = aiex.dma_configure_task(%mem, S2MM, 0) {
        aie.use_lock(%empty, AcquireGreaterEqual, 1)
        aie.dma_bd(%held : memref<64xi32> offset = 16 len = 32)
        aie.use_lock(%full, Release, 1)
        aie.next_bd ^first
      ^first:
        aie.use_lock(%empty, AcquireGreaterEqual, 1)
        aie.dma_bd(%held : memref<64xi32> offset = 0 len = 16)
        aie.use_lock(%full, Release, 1)
        aie.next_bd ^last
      ^last:
        aie.dma_bd(%held : memref<64xi32> offset = 48 len = 16)
        aie.use_lock(%full, Release, 1)
        aie.end
      }
      %onward = aiex.dma_configure_task(%mem, MM2S, 0) {
        aie.use_lock(%full, AcquireGreaterEqual, 3)
        aie.dma_bd(%held : memref<64xi32> offset = 0 len = 64)
        aie.end
      } {issue_token = true}
      %core_in = aiex.dma_configure_task(%tile, S2MM, 0) {
        aie.dma_bd(%work : memref<64xi32> offset = 0 len = 64)
        aie.end
      }
      aiex.dma_start_task(%up)
      aiex.dma_start_task(%core_in)
      aiex.dma_start_task(%onward)
      aiex.dma_await_task(%onward)
      %core_out = aiex.dma_configure_task(%tile, MM2S, 0) {
        aie.dma_bd(%work : memref<64xi32> offset = 0 len = 32)
        aie.end
      } {issue_token = true, repeat_count = 0 : i32}
      %rest = aiex.dma_configure_task(%tile, MM2S, 0) {
        aie.dma_bd(%work : memref<64xi32> offset = 32 len = 32)
        aie.end
      } {issue_token = true}
      aiex.dma_start_task(%core_out)
      aiex.dma_start_task(%rest)
      aiex.dma_await_task(%core_out)
      aiex.dma_await_task(%rest)
      aiex.npu.dma_wait {symbol = @out}
    }
  }
}
