// A sequence writes and reads by control packets, whose words come in an argument of their own, behind the others.
//   0: zeros
//   1: zeros
//   gives 0: np.array([6, 7, 8, 9])
//   gives 1: np.array([6, 8])
//   mutant: address = 2224128 => address = 2224144 finds: an object of more is handed on, and no byte of it was ever written
//   mutant: address = 2224128 => address = 5369856 finds: there is no way for a control packet to tile (0, 5)
//   mutant: data = array<i32: 5, 6, 7, 8> => data = array<i32: 5, 6, 7, 8, 9> finds: it is of 5 words, and one has 1 to 4
//   mutant: aie.packet_flow(27) => aie.packet_flow(26) finds: it leads nowhere
module {
  aie.device(npu1) {
    %shim = aie.tile(0, 0)
    %tile = aie.tile(0, 2)
    %given = aie.buffer(%tile) {sym_name = "given", address = 1024 : i32} : memref<4xi32>
    %more = aie.buffer(%tile) {sym_name = "more", address = 1056 : i32} : memref<4xi32>
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
    aie.packet_flow(27) {
      aie.packet_source<%shim, DMA : 0>
      aie.packet_dest<%tile, TileControl : 0>
    } {keep_pkt_header = true}
    aie.packet_flow(4) {
      aie.packet_source<%tile, TileControl : 0>
      aie.packet_dest<%shim, DMA : 1>
    }
    aie.flow(%tile, DMA : 0, %shim, DMA : 0)
    aie.shim_dma_allocation @ctrlpkt_col0_mm2s_chan0(%shim, MM2S, 0)
    aie.shim_dma_allocation @out(%shim, S2MM, 0)
    aie.shim_dma_allocation @back(%shim, S2MM, 1)
    aie.runtime_sequence @run(%a: memref<4xi32>, %b: memref<2xi32>) {
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 4][0, 0, 0, 1]) {id = 1 : i64, metadata = @out} : memref<4xi32>
      aiex.npu.dma_memcpy_nd(%b[0, 0, 0, 0][1, 1, 1, 2][0, 0, 0, 1]) {id = 2 : i64, metadata = @back} : memref<2xi32>
      aiex.control_packet {address = 2098176 : ui32, data = array<i32: 5, 6, 7, 8>, opcode = 0 : i32, stream_id = 0 : i32}
      aiex.control_packet {address = 2224128 : ui32, data = array<i32: 1>, opcode = 0 : i32, stream_id = 0 : i32}
      aiex.npu.dma_wait {symbol = @out}
      aiex.control_packet {address = 2098208 : ui32, length = 1 : i32, opcode = 1 : i32, stream_id = 4 : i32}
      aiex.control_packet {address = 2098216 : ui32, length = 1 : i32, opcode = 1 : i32, stream_id = 4 : i32}
      aiex.npu.dma_wait {symbol = @back}
    }
  }
}
