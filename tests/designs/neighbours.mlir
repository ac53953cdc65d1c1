// Two cores that share memory hand objects on without DMA.
//   0: count
//   1: zeros
//   gives 1: 4 * a0
//   mutant: @between(%tile, {%next}, 2 : i32) : => @between(%tile, {%next}, 2 : i32) {via_DMA = true} : finds: nothing
//   mutant: @between(%tile, {%next}, 2 : i32) : => @between(%tile, {%next}, 2 : i32) {disable_synchronization = true} : finds: and nothing decides who comes first
//   mutant: func.call @twice(%x, %y) => func.call @does_nothing(%x, %y) finds: twice_again reads what nobody has written: byte 0 of between_buff_0
//   mutant: aie.objectfifo.release @between(Consume, 1) =>  finds: nothing
module {
  aie.device(npu1) {
    %shim = aie.tile(0, 0)
    %tile = aie.tile(0, 2)
    %next = aie.tile(0, 3)
    func.func private @twice(memref<16xi32>, memref<16xi32>)
    func.func private @twice_again(memref<16xi32>, memref<16xi32>)
    func.func private @does_nothing(memref<16xi32>, memref<16xi32>)
    aie.objectfifo @in(%shim, {%tile}, 2 : i32) : !aie.objectfifo<memref<16xi32>>
    aie.objectfifo @between(%tile, {%next}, 2 : i32) : !aie.objectfifo<memref<16xi32>>
    aie.objectfifo @out(%next, {%shim}, 2 : i32) : !aie.objectfifo<memref<16xi32>>
    aie.core(%tile) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %forever = arith.constant 9223372036854775807 : index
      scf.for %turn = %c0 to %forever step %c1 {
        %xs = aie.objectfifo.acquire @in(Consume, 1) : !aie.objectfifosubview<memref<16xi32>>
        %x = aie.objectfifo.subview.access %xs[0] : !aie.objectfifosubview<memref<16xi32>> -> memref<16xi32>
        %ys = aie.objectfifo.acquire @between(Produce, 1) : !aie.objectfifosubview<memref<16xi32>>
        %y = aie.objectfifo.subview.access %ys[0] : !aie.objectfifosubview<memref<16xi32>> -> memref<16xi32>
        func.call @twice(%x, %y) : (memref<16xi32>, memref<16xi32>) -> ()
        aie.objectfifo.release @in(Consume, 1)
        aie.objectfifo.release @between(Produce, 1)
      }
      aie.end
    }
    aie.core(%next) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %forever = arith.constant 9223372036854775807 : index
      scf.for %turn = %c0 to %forever step %c1 {
        %xs = aie.objectfifo.acquire @between(Consume, 1) : !aie.objectfifosubview<memref<16xi32>>
        %x = aie.objectfifo.subview.access %xs[0] : !aie.objectfifosubview<memref<16xi32>> -> memref<16xi32>
        %ys = aie.objectfifo.acquire @out(Produce, 1) : !aie.objectfifosubview<memref<16xi32>>
        %y = aie.objectfifo.subview.access %ys[0] : !aie.objectfifosubview<memref<16xi32>> -> memref<16xi32>
        func.call @twice_again(%x, %y) : (memref<16xi32>, memref<16xi32>) -> ()
        aie.objectfifo.release @between(Consume, 1)
        aie.objectfifo.release @out(Produce, 1)
      }
      aie.end
    }
    aie.runtime_sequence @run(%a: memref<16xi32>, %b: memref<16xi32>) {
      aiex.npu.dma_memcpy_nd(%b[0, 0, 0, 0][1, 1, 1, 16][0, 0, 0, 1]) {id = 0 : i64, metadata = @out} : memref<16xi32>
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 16][0, 0, 0, 1]) {id = 1 : i64, metadata = @in} : memref<16xi32>
      aiex.npu.dma_wait {symbol = @out}
    }
  }
}
