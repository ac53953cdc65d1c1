// A chain of BDs that is declared once and started for two channels, each time with other buffers.
//   0: count
//   1: zeros
//   2: zeros
//   gives 1: np.concatenate([a0[32:], a0[:32]])
//   mutant: @halves(%a, %a) => @thirds(%a, %a) finds: there is no chain of BDs @thirds
//   mutant: @halves(%a, %a) : (memref<64xi32>, memref<64xi32>) => @halves(%a, %wrong) : (memref<64xi32>, memref<32xi32>) finds: @halves moves other arguments
//   mutant: aiex.dma_await_task(%out) =>  finds: S2MM channel 0 of shim (0, 0)
module {
  aie.device(npu1) {
    %shim = aie.tile(0, 0)
    %mem = aie.tile(0, 1)
    aie.objectfifo @in(%shim, {%mem}, 2 : i32) : !aie.objectfifo<memref<16xi32>>
    aie.objectfifo @out(%mem, {%shim}, 2 : i32) : !aie.objectfifo<memref<16xi32>>
    aie.objectfifo.link [@in] -> [@out] ([] [])
    aie.bd_chain @halves(%first: memref<64xi32>, %second: memref<64xi32>) {
      aie.dma_bd(%first : memref<64xi32> offset = 32 len = 32)
      aie.next_bd ^low
    ^low:
      aie.dma_bd(%second : memref<64xi32> offset = 0 len = 32)
      aie.end
    }
    aie.bd_chain @whole(%all: memref<64xi32>) {
      aie.dma_bd(%all : memref<64xi32> offset = 0 len = 64)
      aie.end
    }
    aie.runtime_sequence @run(%a: memref<64xi32>, %b: memref<64xi32>, %wrong: memref<32xi32>) {
      %in = aiex.dma_start_bd_chain_for @halves(%a, %a) : (memref<64xi32>, memref<64xi32>) for @in
      %out = aiex.dma_start_bd_chain_for @whole(%b) : (memref<64xi32>) for @out {issue_token = true}
      aiex.dma_await_task(%out)
    }
  }
}
