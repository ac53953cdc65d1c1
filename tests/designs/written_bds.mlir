// BDs of a core tile written field by field: a reset takes back what was queued, and the data is sent column by column.
//   0: count
//   1: zeros
//   gives 1: a0.reshape(4, 16).T.ravel()
//   mutant: aiex.dma_channel_reset(%tile, MM2S, 0) =>  finds: nothing
//   mutant: bd_id %three repeat => bd_id %four repeat finds: BD 4 of core (0, 2) is used before it is written
//   mutant: valid_bd = 1 : i32, lock_rel_val = 1 => valid_bd = 0 : i32, lock_rel_val = 1 finds: it is written with valid_bd = 0
//   mutant: lock_rel_id = 1 => lock_rel_id = 7 finds: a BD of core (0, 2) uses a lock that the design does not have
//   mutant: lock_acq_val = -1 => lock_acq_val = -2 finds: MM2S channel 0 of core (0, 2) waits for a filled object to send
module {
  aie.device(npu1) {
    %shim = aie.tile(0, 0)
    %tile = aie.tile(0, 2)
    %work = aie.buffer(%tile) {sym_name = "work", address = 4096 : i32} : memref<64xi32>
    %other = aie.lock(%tile, 0) {init = 0 : i32, sym_name = "other"}
    %full = aie.lock(%tile, 1) {init = 0 : i32, sym_name = "full"}
    aie.flow(%shim, DMA : 0, %tile, DMA : 0)
    aie.flow(%tile, DMA : 0, %shim, DMA : 0)
    aie.shim_dma_allocation @in(%shim, MM2S, 0)
    aie.shim_dma_allocation @out(%shim, S2MM, 0)
    aie.runtime_sequence @run(%a: memref<64xi32>, %b: memref<64xi32>) {
      %zero = arith.constant 0 : i32
      %two = arith.constant 2 : i32
      %three = arith.constant 3 : i32
      %four = arith.constant 4 : i32
      aiex.npu.writebd {bd_id = 2 : i32, column = 0 : i32, row = 2 : i32, buffer_length = 64 : i32, buffer_offset = 4096 : i32, valid_bd = 1 : i32, lock_rel_val = 1 : i32, lock_rel_id = 1 : i32, enable_packet = 0 : i32, out_of_order_id = 0 : i32, packet_id = 0 : i32, packet_type = 0 : i32, d0_size = 0 : i32, d0_stride = 0 : i32, d0_zero_before = 0 : i32, d0_zero_after = 0 : i32, d1_size = 0 : i32, d1_stride = 0 : i32, d1_zero_before = 0 : i32, d1_zero_after = 0 : i32, d2_size = 0 : i32, d2_stride = 0 : i32, d2_zero_before = 0 : i32, d2_zero_after = 0 : i32, iteration_current = 0 : i32, iteration_size = 0 : i32, iteration_stride = 0 : i32, next_bd = 0 : i32, use_next_bd = 0 : i32, lock_acq_enable = 0 : i32, lock_acq_val = 0 : i32, lock_acq_id = 0 : i32}
      aiex.npu.writebd {bd_id = 3 : i32, column = 0 : i32, row = 2 : i32, buffer_length = 64 : i32, buffer_offset = 4096 : i32, d0_size = 4 : i32, d0_stride = 15 : i32, d1_stride = 0 : i32, valid_bd = 1 : i32, lock_acq_enable = 1 : i32, lock_acq_val = -1 : i32, lock_acq_id = 1 : i32, enable_packet = 0 : i32, out_of_order_id = 0 : i32, packet_id = 0 : i32, packet_type = 0 : i32, d0_zero_before = 0 : i32, d0_zero_after = 0 : i32, d1_size = 0 : i32, d1_zero_before = 0 : i32, d1_zero_after = 0 : i32, d2_size = 0 : i32, d2_stride = 0 : i32, d2_zero_before = 0 : i32, d2_zero_after = 0 : i32, iteration_current = 0 : i32, iteration_size = 0 : i32, iteration_stride = 0 : i32, next_bd = 0 : i32, use_next_bd = 0 : i32, lock_rel_val = 0 : i32, lock_rel_id = 0 : i32}
      aiex.npu.push_queue(0, 2, MM2S : 0) bd_id %three repeat %zero {issue_token = false} : i32, i32
      aiex.dma_channel_reset(%tile, MM2S, 0)
      aiex.npu.push_queue(0, 2, S2MM : 0) bd_id %two repeat %zero {issue_token = true} : i32, i32
      aiex.npu.push_queue(0, 2, MM2S : 0) bd_id %three repeat %zero {issue_token = false} : i32, i32
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 64][0, 0, 0, 1]) {id = 0 : i64, metadata = @in} : memref<64xi32>
      aiex.npu.dma_memcpy_nd(%b[0, 0, 0, 0][1, 1, 1, 64][0, 0, 0, 1]) {id = 1 : i64, metadata = @out} : memref<64xi32>
      aiex.npu.dma_wait {symbol = @out}
    }
  }
}
