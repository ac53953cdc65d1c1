// Control packets write a BD of a core's tile in two parts, and push it onto a queue: four words come to the host.
//   0: zeros
//   gives 0: np.array([7, 8, 9, 10])
//   mutant: 0x01000004 => 0x01000003 finds: S2MM channel 0 of shim (0, 0) (@out) waits for 4 of 16 bytes
//   mutant: 0x02000000, => 0x00000000, finds: the emulator does not execute BD 3 of core (0, 2)
//   mutant: 0x0001DE14, 3] => 0x0001DE14, 4] finds: BD 4 of core (0, 2) is used before it is written
module {
  aie.device(npu1) {
    %shim = aie.tile(0, 0)
    %mem = aie.tile(0, 1)
    %tile = aie.tile(0, 2)
    %told = aie.buffer(%mem) {sym_name = "told"} : memref<10xi32> = dense<[0x8031D060, 0x01000004, 0, 0, 0, 0x8011D070, 0, 0x02000000, 0x0001DE14, 3]>
    %work = aie.buffer(%tile) {sym_name = "work", address = 4096 : i32} : memref<4xi32> = dense<[7, 8, 9, 10]>
    aie.memtile_dma(%mem) {
      %0 = aie.dma_start(MM2S, 0, ^half, ^end)
    ^half:
      aie.dma_bd(%told : memref<10xi32>, 0, 5) {packet = #aie.packet_info<pkt_type = 0, pkt_id = 1>}
      aie.next_bd ^rest
    ^rest:
      aie.dma_bd(%told : memref<10xi32>, 5, 3) {packet = #aie.packet_info<pkt_type = 0, pkt_id = 1>}
      aie.next_bd ^push
    ^push:
      aie.dma_bd(%told : memref<10xi32>, 8, 2) {packet = #aie.packet_info<pkt_type = 0, pkt_id = 1>}
      aie.next_bd ^end
    ^end:
      aie.end
    }
    aie.packet_flow(1) {
      aie.packet_source<%mem, DMA : 0>
      aie.packet_dest<%tile, TileControl : 0>
    }
    aie.flow(%tile, DMA : 0, %shim, DMA : 0)
    aie.shim_dma_allocation @out(%shim, S2MM, 0)
    aie.runtime_sequence @run(%a: memref<4xi32>) {
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 4][0, 0, 0, 1]) {id = 0 : i64, metadata = @out} : memref<4xi32>
      aiex.npu.dma_wait {symbol = @out}
    }
  }
}
