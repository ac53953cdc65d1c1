// A mem tile sends control packets to a core's tile: they write four words, then a lock, and read two words back.
//   0: zeros
//   1: zeros
//   gives 0: np.array([11, 21, 31, 41])
//   gives 1: np.array([30, 40])
//   mutant: dense<[0x00300400, => dense<[0x00300600, finds: a control packet to core (0, 2) is broken
//   mutant: 0x02500408 => 0x82501000 finds: a control packet reads what nobody has written: 0x01000 of core (0, 2)
//   mutant: 0x02500408 => 0x03500c08 finds: the control port of core (0, 2) sends data with a packet header with id 3, and it leads nowhere
//   mutant: 0x0001F000, 1, => 0x0081F010, 1, finds: the emulator does not execute operation 2 of a control packet
//   mutant: 0x0001F000, 1, => 0x0003F100, 1, finds: writes a register that the emulator does not have: 0x3f100 of tile (0, 2)
//   mutant: 0x02500408 => 0x8253F008 finds: a control packet reads a register that the emulator does not have: 0x3f008 of core (0, 2)
//   mutant: 0x0001F000, 1, => 0x0001F000, 0, finds: waits for lock go
//   mutant: 0, 5) {packet => 0, 4) {packet finds: a control packet to core (0, 2) is broken
//   mutant: 7, 1) {packet => 7, 2) {packet finds: a control packet to core (0, 2) ends in the middle
//   mutant: pkt_type = 0, pkt_id = 1> => pkt_type = 0, pkt_id = 4> finds: MM2S channel 0 of mem (0, 1) sends data with a packet header with id 4, and it leads nowhere
module {
  aie.device(npu1) {
    %shim = aie.tile(0, 0)
    %mem = aie.tile(0, 1)
    %tile = aie.tile(0, 2)
    %told = aie.buffer(%mem) {sym_name = "told"} : memref<9xi32> = dense<[0x00300400, 10, 20, 30, 40, 0x0001F000, 1, 0x02500408, 0]>
    %given = aie.buffer(%tile) {sym_name = "given", address = 1024 : i32} : memref<4xi32>
    %more = aie.buffer(%tile) {sym_name = "more"} : memref<4xi32>
    %go = aie.lock(%tile, 0) {init = 0 : i32, sym_name = "go"}
    %full = aie.lock(%tile, 1) {init = 0 : i32, sym_name = "full"}
    aie.core(%tile) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c4 = arith.constant 4 : index
      %one = arith.constant 1 : i32
      aie.use_lock(%go, AcquireGreaterEqual, 1)
      scf.for %k = %c0 to %c4 step %c1 {
        %word = memref.load %given[%k] : memref<4xi32>
        %next = arith.addi %word, %one : i32
        memref.store %next, %more[%k] : memref<4xi32>
      }
      aie.use_lock(%full, Release, 1)
      aie.end
    }
    aie.mem(%tile) {
      %0 = aie.dma_start(MM2S, 0, ^move, ^end)
    ^move:
      aie.use_lock(%full, AcquireGreaterEqual, 1)
      aie.dma_bd(%more : memref<4xi32>, 0, 4)
      aie.next_bd ^end
    ^end:
      aie.end
    }
    aie.memtile_dma(%mem) {
      %0 = aie.dma_start(MM2S, 0, ^words, ^end)
    ^words:
      aie.dma_bd(%told : memref<9xi32>, 0, 5) {packet = #aie.packet_info<pkt_type = 0, pkt_id = 1>}
      aie.next_bd ^lock
    ^lock:
      aie.dma_bd(%told : memref<9xi32>, 5, 2) {packet = #aie.packet_info<pkt_type = 0, pkt_id = 1>}
      aie.next_bd ^read
    ^read:
      aie.dma_bd(%told : memref<9xi32>, 7, 1) {packet = #aie.packet_info<pkt_type = 0, pkt_id = 1>}
      aie.next_bd ^end
    ^end:
      aie.end
    }
    aie.packet_flow(1) {
      aie.packet_source<%mem, DMA : 0>
      aie.packet_dest<%tile, TileControl : 0>
    }
    aie.packet_flow(2) {
      aie.packet_source<%tile, TileControl : 0>
      aie.packet_dest<%shim, DMA : 1>
    }
    aie.flow(%tile, DMA : 0, %shim, DMA : 0)
    aie.shim_dma_allocation @out(%shim, S2MM, 0)
    aie.shim_dma_allocation @back(%shim, S2MM, 1)
    aie.runtime_sequence @run(%a: memref<4xi32>, %b: memref<2xi32>) {
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 4][0, 0, 0, 1]) {id = 0 : i64, metadata = @out} : memref<4xi32>
      aiex.npu.dma_memcpy_nd(%b[0, 0, 0, 0][1, 1, 1, 2][0, 0, 0, 1]) {id = 1 : i64, metadata = @back} : memref<2xi32>
      aiex.npu.dma_wait {symbol = @out}
      aiex.npu.dma_wait {symbol = @back}
    }
  }
}
