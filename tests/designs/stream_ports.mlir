// Fifos that end at a core's stream port: one core sends word by word, the DMA of another core's tile makes objects.
//   0: count
//   1: zeros
//   gives 1: a0
//   mutant: {aie_stream = 0 : i32, aie_stream_port = 0 : i32} => {aie_stream = 0 : i32, aie_stream_port = 1 : i32} finds: there is no stream port Core : 1 on core (0, 2)
//   mutant: {aie_stream = 0 : i32, aie_stream_port = 0 : i32} => {aie_stream = 1 : i32, aie_stream_port = 0 : i32} finds: the end of @words on core (0, 3) is a stream port, and has no objects
//   mutant: {aie_stream = 0 : i32, aie_stream_port = 0 : i32} => {aie_stream = 3 : i32} finds: aie_stream cannot be 3
//   mutant: @words(%first, {%second}, 2 : i32) {aie_stream = 0 : i32 => @words(%first dimensionsToStream [<size = 16, stride = 1>], {%second}, 2 : i32) {aie_stream = 0 : i32 finds: dimensionsToStream is of an end that is a stream port
//   mutant: @words(%first, {%second}, 2 : i32) {aie_stream = 0 : i32 => @words(%first, {%second}, 2 : i32) {repeat_count = 2 : i32, aie_stream = 0 : i32 finds: repeat_count is of an end that is a stream port
//   mutant: @in(%shim, {%first}, 2 : i32) => @in(%shim, {%first}, 2 : i32) {aie_stream = 0 : i32} finds: shim (0, 0) has no stream port of a core
//   mutant: func.call @send_all(%x) : (memref<16xi32>) -> () =>  finds: S2MM channel 0 of shim (0, 0) (@out) was asked for 512 bytes and has moved 0
//   mutant: aie_stream = 0 : i32, aie_stream_port = 0 : i32 => aie_stream = 0 : i32 finds: the fifo does not say which stream port it has
//   mutant: aie_stream = 0 : i32, aie_stream_port = 0 : i32 => aie_stream_port = 0 : i32 finds: the fifo names a stream port, and no end that has it
//   mutant: @words(%first, {%second}, => @words(%first, {%second, %first}, finds: a stream port has several receivers
//   mutant: @words(%first, {%second}, => @words(%first, {%second dimensionsFromStream [<size = 16, stride = 1>]}, finds: dimensionsFromStream is of an end that is a stream port
module {
  aie.device(npu1) {
    %shim = aie.tile(0, 0)
    %first = aie.tile(0, 2)
    %second = aie.tile(0, 3)
    func.func private @send_all(memref<16xi32>)
    func.func private @copy(memref<16xi32>, memref<16xi32>)
    aie.objectfifo @in(%shim, {%first}, 2 : i32) : !aie.objectfifo<memref<16xi32>>
    aie.objectfifo @words(%first, {%second}, 2 : i32) {aie_stream = 0 : i32, aie_stream_port = 0 : i32} : !aie.objectfifo<memref<16xi32>>
    aie.objectfifo @out(%second, {%shim}, 2 : i32) : !aie.objectfifo<memref<16xi32>>
    aie.core(%first) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %forever = arith.constant 9223372036854775807 : index
      scf.for %turn = %c0 to %forever step %c1 {
        %x = aie.objectfifo.acquire @in(Consume, 1) : memref<16xi32>
        func.call @send_all(%x) : (memref<16xi32>) -> ()
        aie.objectfifo.release @in(Consume, 1)
      }
      aie.end
    }
    aie.core(%second) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %forever = arith.constant 9223372036854775807 : index
      scf.for %turn = %c0 to %forever step %c1 {
        %x = aie.objectfifo.acquire @words(Consume, 1) : memref<16xi32>
        %y = aie.objectfifo.acquire @out(Produce, 1) : memref<16xi32>
        func.call @copy(%x, %y) : (memref<16xi32>, memref<16xi32>) -> ()
        aie.objectfifo.release @words(Consume, 1)
        aie.objectfifo.release @out(Produce, 1)
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
