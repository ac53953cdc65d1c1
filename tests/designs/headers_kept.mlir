// A core sends 16 words, and the header that led them stays in front: id 1, type 2, row 2 of column 0, and its parity.
//   0: zeros
//   gives 0: np.concatenate([[0x00022001], np.full(16, 3)])
//   mutant: } {keep_pkt_header = true} => } finds: S2MM channel 0 of shim (0, 0) (@low) waits for 4 of 68 bytes on packets to shim (0, 0) DMA:0: nobody sends them
//   mutant: pkt_id = 1> => pkt_id = 3> finds: MM2S channel 0 of core (0, 2) sends data with a packet header with id 3, and it leads nowhere
module {
  aie.device(npu1) {
    %shim = aie.tile(0, 0)
    %tile = aie.tile(0, 2)
    %one = aie.buffer(%tile) {sym_name = "one"} : memref<16xi32> = dense<3>
    aie.mem(%tile) {
      %0 = aie.dma_start(MM2S, 0, ^move, ^end)
    ^move:
      aie.dma_bd(%one : memref<16xi32>, 0, 16) {packet = #aie.packet_info<pkt_type = 2, pkt_id = 1>}
      aie.next_bd ^end
    ^end:
      aie.end
    }
    aie.packet_flow(1) {
      aie.packet_source<%tile, DMA : 0>
      aie.packet_dest<%shim, DMA : 0>
    } {keep_pkt_header = true}
    aie.shim_dma_allocation @low(%shim, S2MM, 0)
    aie.runtime_sequence @run(%a: memref<17xi32>) {
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 17][0, 0, 0, 1]) {id = 0 : i64, metadata = @low} : memref<17xi32>
      aiex.npu.dma_wait {symbol = @low}
    }
  }
}
