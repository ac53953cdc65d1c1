// Two receivers of a broadcast have room while the third is at work: they wait for it, and take what there is together.
//   0: count
//   1: zeros
//   gives 1: a0
//   mutant: %tile, %next, %slow}, [2, 1, 1, 1]) => %tile, %next, %slow}, [2, 2, 2, 1]) finds: nothing
module {
  aie.device(npu1) {
    %shim = aie.tile(0, 0)
    %tile = aie.tile(0, 2)
    %next = aie.tile(0, 3)
    %slow = aie.tile(0, 4)
    aie.objectfifo @in(%shim, {%tile, %next, %slow}, [2, 1, 1, 1]) : !aie.objectfifo<memref<32xi32>>
    aie.objectfifo @out(%tile, {%shim}, 2 : i32) : !aie.objectfifo<memref<32xi32>>
    %work = aie.buffer(%slow) {sym_name = "work"} : memref<1xi32> = dense<0>
    aie.core(%tile) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %forever = arith.constant 9223372036854775807 : index
      scf.for %turn = %c0 to %forever step %c1 {
        %x = aie.objectfifo.acquire @in(Consume, 1) : memref<32xi32>
        %y = aie.objectfifo.acquire @out(Produce, 1) : memref<32xi32>
        memref.copy %x, %y : memref<32xi32> to memref<32xi32>
        aie.objectfifo.release @in(Consume, 1)
        aie.objectfifo.release @out(Produce, 1)
      }
      aie.end
    }
    aie.core(%next) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %forever = arith.constant 9223372036854775807 : index
      scf.for %turn = %c0 to %forever step %c1 {
        %x = aie.objectfifo.acquire @in(Consume, 1) : memref<32xi32>
        aie.objectfifo.release @in(Consume, 1)
      }
      aie.end
    }
    aie.core(%slow) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %many = arith.constant 500 : index
      %forever = arith.constant 9223372036854775807 : index
      scf.for %turn = %c0 to %forever step %c1 {
        %x = aie.objectfifo.acquire @in(Consume, 1) : memref<32xi32>
        scf.for %k = %c0 to %many step %c1 {
          %value = memref.load %work[%c0] : memref<1xi32>
          memref.store %value, %work[%c0] : memref<1xi32>
        }
        aie.objectfifo.release @in(Consume, 1)
      }
      aie.end
    }
    aie.runtime_sequence @run(%a: memref<128xi32>, %b: memref<128xi32>) {
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 128][0, 0, 0, 1]) {id = 0 : i64, metadata = @in} : memref<128xi32>
      aiex.npu.dma_memcpy_nd(%b[0, 0, 0, 0][1, 1, 1, 128][0, 0, 0, 1]) {id = 1 : i64, metadata = @out} : memref<128xi32>
      aiex.npu.dma_wait {symbol = @out}
    }
  }
}
