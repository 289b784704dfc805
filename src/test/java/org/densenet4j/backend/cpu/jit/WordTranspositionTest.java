package org.densenet4j.backend.cpu.jit;

import static org.densenet4j.backend.cpu.asm.Register.RDI;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import org.densenet4j.backend.cpu.asm.Avx512Assembler;
import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.asm.NativeCode;
import org.densenet4j.backend.cpu.asm.Processor;
import org.junit.jupiter.api.Test;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Columns become rows, whatever the distance between rows. */
class WordTranspositionTest {
    private static final int WORDS = WordTransposition.WORDS;
    private static final int FROM_ROW = 128;
    private static final int TO_ROW = 192;
    private static final int TO = WORDS * FROM_ROW;

    @Test
    void columnsBecomeRowsAndNothingElseIsWritten() {
        assumeTrue(
                Processor.instructions().filter(s -> s.includes(InstructionSet.AVX512)).isPresent(),
                "no AVX-512");
        Avx512Assembler a = (Avx512Assembler) InstructionSet.AVX512.assembler();
        a.enter();
        WordTransposition.emit(a, RDI.at(0), FROM_ROW, RDI.at(TO), TO_ROW);
        a.leave();
        try (NativeCode code = new NativeCode(a.bytes());
                Arena arena = Arena.ofConfined()) {
            MemorySegment memory = arena.allocate(TO + WORDS * TO_ROW, 64);
            memory.fill((byte) -1);
            for (int r = 0; r < WORDS; r++) {
                for (int c = 0; c < WORDS; c++) {
                    memory.set(JAVA_INT, r * FROM_ROW + 4 * c, WORDS * r + c);
                }
            }
            code.call(memory);
            for (int c = 0; c < WORDS; c++) {
                for (int r = 0; r < TO_ROW / 4; r++) {
                    int expected = r < WORDS ? WORDS * r + c : -1;
                    assertEquals(expected, memory.get(JAVA_INT, TO + c * TO_ROW + 4 * r));
                }
            }
        }
    }
}
