// Two numbers that the host gives each run: one says where the input begins, the other is what a core adds, and 7.
//   0: count
//   1: zeros
//   parameters: from=24 more=100
//   runs: 2
//   gives 1: a0[28:44] + 107
//   mutant: offset = 4 len = 16) {offset_parameter = @from} => offset = 32 len = 16) {offset_parameter = @from} finds: runs past the end of a host buffer: 288 bytes of 256
//   mutant: aiex.npu.create_scratchpad {size = 8 : ui32} => finds: nothing has created a scratchpad
//   mutant: aiex.npu.create_scratchpad {size = 8 : ui32} => aiex.npu.create_scratchpad {size = 4 : ui32} finds: it has 4 bytes
//   mutant: aiex.set_lock(%given, 1) => finds: deadlock
//   mutant: aiex.npu.write32 {address = 0 : ui32, buffer = @added, value = 0 : ui32} => finds: the firmware reads what nobody has written
module {
  aiex.scratchpad_parameter @from : i32
  aiex.scratchpad_parameter @more : i32
  aie.device(npu1) {
    %shim = aie.tile(0, 0)
    %tile = aie.tile(0, 2)
    aie.objectfifo @in(%shim, {%tile}, 2 : i32) : !aie.objectfifo<memref<16xi32>>
    aie.objectfifo @out(%tile, {%shim}, 2 : i32) : !aie.objectfifo<memref<16xi32>>
    %added = aie.buffer(%tile) {sym_name = "added"} : memref<2xi32>
    %given = aie.lock(%tile, 9) {init = 0 : i32, sym_name = "given"}
    aie.core(%tile) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c16 = arith.constant 16 : index
      %many = arith.constant 4294967295 : index
      scf.for %run = %c0 to %many step %c1 {
        %one = arith.constant 1 : i32
        aie.use_lock(%given, AcquireGreaterEqual, %one)
        %shifted = memref.load %added[%c0] : memref<2xi32>
        %two = arith.constant 2 : i32
        %more = arith.shrui %shifted, %two : i32
        %x = aie.objectfifo.acquire @in(Consume, 1) : memref<16xi32>
        %y = aie.objectfifo.acquire @out(Produce, 1) : memref<16xi32>
        scf.for %k = %c0 to %c16 step %c1 {
          %value = memref.load %x[%k] : memref<16xi32>
          %sum = arith.addi %value, %more : i32
          memref.store %sum, %y[%k] : memref<16xi32>
        }
        aie.objectfifo.release @in(Consume, 1)
        aie.objectfifo.release @out(Produce, 1)
      }
      aie.end
    }
    aie.runtime_sequence @run(%a: memref<64xi32>, %b: memref<16xi32>) attributes {emit_parameter_sync_preamble = false} {
      aiex.npu.create_scratchpad {size = 8 : ui32}
      aiex.npu.write32 {address = 0 : ui32, buffer = @added, value = 0 : ui32}
      aiex.npu.update_from_scratchpad<incr> {state_table_idx = 1 : ui8, func_arg = 28 : ui32, address = 0 : ui32, buffer = @added}
      aiex.set_lock(%given, 1)
      %in = aiex.dma_configure_task_for @in {
        aie.dma_bd(%a : memref<64xi32> offset = 4 len = 16) {offset_parameter = @from}
        aie.end
      }
      %out = aiex.dma_configure_task_for @out {
        aie.dma_bd(%b : memref<16xi32> offset = 0 len = 16)
        aie.end
      } {issue_token = true}
      aiex.dma_start_task(%in)
      aiex.dma_start_task(%out)
      aiex.dma_await_task(%out)
    }
  }
}
