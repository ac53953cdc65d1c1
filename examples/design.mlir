module {
  aie.device(npu1) @main {
    %shim = aie.tile(0, 0)
    %mem = aie.tile(0, 1)
    %core = aie.tile(0, 2)
    %next = aie.tile(0, 3)

    aie.objectfifo @x(%shim, {%core}, 2 : i32) : !aie.objectfifo<memref<64xi32>>
    aie.objectfifo @y(%core, {%shim}, 2 : i32) : !aie.objectfifo<memref<64xi32>>
    %scratch = aie.buffer(%core) {sym_name = "scratch"} : memref<32xi32>
    func.func private @step(memref<64xi32>, memref<64xi32>, memref<32xi32>) attributes {link_with = "tile.o"}

    %program = aie.core(%core) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %forever = arith.constant 4294967295 : index
      scf.for %i = %c0 to %forever step %c1 {
        %xv = aie.objectfifo.acquire @x(Consume, 1) : !aie.objectfifosubview<memref<64xi32>>
        %xo = aie.objectfifo.subview.access %xv[0] : !aie.objectfifosubview<memref<64xi32>> -> memref<64xi32>
        %yv = aie.objectfifo.acquire @y(Produce, 1) : !aie.objectfifosubview<memref<64xi32>>
        %yo = aie.objectfifo.subview.access %yv[0] : !aie.objectfifosubview<memref<64xi32>> -> memref<64xi32>
        func.call @step(%xo, %yo, %scratch) : (memref<64xi32>, memref<64xi32>, memref<32xi32>) -> ()
        aie.objectfifo.release @x(Consume, 1)
        aie.objectfifo.release @y(Produce, 1)
      }
      aie.end
    } {stack_size = 1024 : i32}

    aie.runtime_sequence @run(%a: memref<256xi32>, %b: memref<256xi32>) {
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 256][0, 0, 0, 1]) {id = 0 : i64, metadata = @x} : memref<256xi32>
      aiex.npu.dma_memcpy_nd(%b[0, 0, 0, 0][1, 1, 1, 256][0, 0, 0, 1]) {id = 1 : i64, metadata = @y} : memref<256xi32>
      aiex.npu.dma_wait {symbol = @y}
    }
  }
}
