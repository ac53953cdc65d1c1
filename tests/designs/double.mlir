// A core doubles what it is given.
//   0: count
//   1: zeros
//   gives 1: 2 * a0
//   mutant: @twice => @twice_and_one_more finds: twice_and_one_more reads outside its buffers: byte 1 past the end of in_cons_buff_0 (64 bytes)
//   mutant: @twice => @twice_from_one_before finds: twice_from_one_before reads outside its buffers: byte 4 before the start of in_cons_buff_0
//   mutant: @twice => @writes_far finds: writes_far writes outside its buffers
//   mutant: @twice => @copies_too_much finds: copies_too_much reads outside its buffers
//   mutant: @twice => @crashes finds: crashed: Segmentation fault
//   mutant: @twice => @never_returns finds: never returned
//   mutant: @twice => @half_of_it finds: an object of @out is handed on, and a part of it was not written
//   mutant: @twice => @does_nothing finds: an object of @out is handed on, and no byte of it was ever written
//   mutant: @twice => @reads_its_output finds: reads_its_output reads what nobody has written: byte 0 of out_buff_0
//   mutant: @twice => @not_there finds: the tile code does not define not_there
module {
  aie.device(npu1) {
    %shim = aie.tile(0, 0)
    %tile = aie.tile(0, 2)
    func.func private @twice(memref<16xi32>, memref<16xi32>)
    aie.objectfifo @in(%shim, {%tile}, 2 : i32) : !aie.objectfifo<memref<16xi32>>
    aie.objectfifo @out(%tile, {%shim}, 2 : i32) : !aie.objectfifo<memref<16xi32>>
    aie.core(%tile) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %forever = arith.constant 9223372036854775807 : index
      scf.for %turn = %c0 to %forever step %c1 {
        %xs = aie.objectfifo.acquire @in(Consume, 1) : !aie.objectfifosubview<memref<16xi32>>
        %x = aie.objectfifo.subview.access %xs[0] : !aie.objectfifosubview<memref<16xi32>> -> memref<16xi32>
        %ys = aie.objectfifo.acquire @out(Produce, 1) : !aie.objectfifosubview<memref<16xi32>>
        %y = aie.objectfifo.subview.access %ys[0] : !aie.objectfifosubview<memref<16xi32>> -> memref<16xi32>
        func.call @twice(%x, %y) : (memref<16xi32>, memref<16xi32>) -> ()
        aie.objectfifo.release @in(Consume, 1)
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
