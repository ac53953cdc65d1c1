// The lower core puts words onto its stream in MLIR, the upper one gets them.
//   0: count
//   1: zeros
//   gives 1: a0 - 3
//   mutant: aie.flow(%tile, Core : 0, %next, Core : 0) =>  finds: its stream, and no flow leads
//   mutant: aie.put_stream(%none : i32, %w : i32) =>  finds: waits for 4 of 4 bytes on @flow
//   mutant: %got = aie.get_stream(%none : i32) : i32 => %wide = aie.get_stream(%none : i32) : i128\n%got = arith.constant 0 : i32 finds: the emulator does not execute aie.get_stream on i128
//   mutant: aie.put_stream(%none : i32, %w : i32) => aie.put_stream(%none : i32) finds: aie.put_stream has a channel and a value
module {
  aie.device(npu1) {
    %shim = aie.tile(0, 0)
    %tile = aie.tile(0, 2)
    %next = aie.tile(0, 3)
    aie.objectfifo @in(%shim, {%tile}, 2 : i32) : !aie.objectfifo<memref<16xi32>>
    aie.objectfifo @out(%next, {%shim}, 2 : i32) : !aie.objectfifo<memref<16xi32>>
    aie.flow(%tile, Core : 0, %next, Core : 0)
    aie.core(%tile) {
      %none = arith.constant 0 : i32
      %three = arith.constant 3 : i32
      %x = aie.objectfifo.acquire @in(Consume, 1) : memref<16xi32>
      affine.for %i = 0 to 16 {
        %v = affine.load %x[%i] : memref<16xi32>
        %w = arith.subi %v, %three : i32
        aie.put_stream(%none : i32, %w : i32)
      }
      aie.objectfifo.release @in(Consume, 1)
      aie.end
    }
    aie.core(%next) {
      %none = arith.constant 0 : i32
      %y = aie.objectfifo.acquire @out(Produce, 1) : memref<16xi32>
      affine.for %i = 0 to 16 {
        %got = aie.get_stream(%none : i32) : i32
        affine.store %got, %y[%i] : memref<16xi32>
      }
      aie.objectfifo.release @out(Produce, 1)
      aie.end
    }
    aie.runtime_sequence @run(%a: memref<16xi32>, %b: memref<16xi32>) {
      aiex.npu.dma_memcpy_nd(%b[0, 0, 0, 0][1, 1, 1, 16][0, 0, 0, 1]) {id = 0 : i64, metadata = @out} : memref<16xi32>
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 16][0, 0, 0, 1]) {id = 1 : i64, metadata = @in} : memref<16xi32>
      aiex.npu.dma_wait {symbol = @out}
    }
  }
}
