// A buffer of bytes may lie anywhere: a core writes it and reads it back. One of words may not.
//   0: count
//   1: zeros
//   gives 1: a0 + 1
//   mutant: i8 => i16 finds: the core on core (0, 2) writes 2 bytes of odd at an address that is no multiple of 2
//   mutant: i8 => i16 finds: the core on core (0, 2) reads 2 bytes of odd at an address that is no multiple of 2
//   mutant: address = 4097 : i32, aligned = false => address = 4097 : i32 finds: buffer odd cannot lie at address 4097
module {
  aie.device(npu1) {
    %shim = aie.tile(0, 0)
    %tile = aie.tile(0, 2)
    %odd = aie.buffer(%tile) {sym_name = "odd", address = 4097 : i32, aligned = false} : memref<16xi8>
    aie.objectfifo @in(%shim, {%tile}, 1 : i32) : !aie.objectfifo<memref<16xi32>>
    aie.objectfifo @out(%tile, {%shim}, 1 : i32) : !aie.objectfifo<memref<16xi32>>
    aie.core(%tile) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c16 = arith.constant 16 : index
      %one = arith.constant 1 : i32
      %x = aie.objectfifo.acquire @in(Consume, 1) : memref<16xi32>
      %y = aie.objectfifo.acquire @out(Produce, 1) : memref<16xi32>
      scf.for %k = %c0 to %c16 step %c1 {
        %word = memref.load %x[%k] : memref<16xi32>
        %next = arith.addi %word, %one : i32
        %small = arith.trunci %next : i32 to i8
        memref.store %small, %odd[%k] : memref<16xi8>
        %again = memref.load %odd[%k] : memref<16xi8>
        %wide = arith.extsi %again : i8 to i32
        memref.store %wide, %y[%k] : memref<16xi32>
      }
      aie.objectfifo.release @in(Consume, 1)
      aie.objectfifo.release @out(Produce, 1)
      aie.end
    }
    aie.runtime_sequence @run(%a: memref<16xi32>, %b: memref<16xi32>) {
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 16][0, 0, 0, 1]) {id = 0 : i64, metadata = @in} : memref<16xi32>
      aiex.npu.dma_memcpy_nd(%b[0, 0, 0, 0][1, 1, 1, 16][0, 0, 0, 1]) {id = 1 : i64, metadata = @out} : memref<16xi32>
      aiex.npu.dma_wait {symbol = @out}
    }
  }
}
