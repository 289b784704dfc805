package org.densenet4j.backend.cpu.jit;

import static org.densenet4j.backend.cpu.asm.Register.R11;
import static org.densenet4j.backend.cpu.asm.Register.RDI;
import static org.densenet4j.backend.cpu.asm.Register.RSI;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import org.densenet4j.backend.cpu.asm.Assembler;
import org.densenet4j.backend.cpu.asm.NativeCode;
import org.densenet4j.backend.cpu.asm.Processor;
import org.junit.jupiter.api.Test;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

class LoopsTest {
    @Test
    void blocksAndTheirRestCoverACountOnce() {
        assumeTrue(Processor.instructions().isPresent(), "no machine code");
        for (int count : new int[] {0, 1, 7, 8, 9, 16, 131}) {
            Assembler a = Processor.instructions().orElseThrow().assembler();
            a.enter();
            a.set(RSI, 0);
            Loops.inBlocks(a, count, 8, R11, n -> a.add(RSI, n));
            a.store(RSI, RDI.at(0));
            a.leave();
            try (NativeCode code = new NativeCode(a.bytes());
                    Arena arena = Arena.ofConfined()) {
                MemorySegment memory = arena.allocate(8, 8);
                code.call(memory);
                assertEquals(count, memory.get(JAVA_LONG, 0));
            }
        }
    }

    @Test
    void rowsOfTilesAreOddNumbersOfCacheLines() {
        assertEquals(64, Loops.tileRow(1));
        assertEquals(64, Loops.tileRow(16));
        assertEquals(3 * 64, Loops.tileRow(17));
        assertEquals(3 * 64, Loops.tileRow(48));
        assertEquals(5 * 64, Loops.tileRow(49));
    }
}
