package org.densenet4j.backend.cpu.asm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;

import java.util.HexFormat;
import java.util.List;

/** On bytes that our assembler has not written. */
class DisassemblerTest {
    private static byte[] bytes(String hex) {
        return HexFormat.ofDelimiter(" ").parseHex(hex);
    }

    @Test
    void instructionsFollowEachOther() {
        byte[] code = bytes("c5 f4 58 c2 c3 62 f1 74 48 58 40 01");
        assertEquals(
                List.of(
                        "vaddps ymm0, ymm1, ymm2",
                        "ret",
                        "vaddps zmm0, zmm1, zmmword ptr [rax + 64]"),
                Disassembler.of(code));
        assertEquals(5, Disassembler.instructions(code).get(2).offset());
        assertEquals(12, Disassembler.instructions(code).get(2).end());
    }

    @Test
    void tilesAreKnown() {
        assertEquals(
                List.of("tdpbf16ps tmm1, tmm3, tmm2", "tilezero tmm0"),
                Disassembler.of(bytes("c4 e2 6a 5c cb c4 e2 7b 49 c0")));
    }

    @Test
    void theEncodingOfAvx512IsToldWhereTheTextIsTheSame() {
        byte[] vex = bytes("c5 f4 58 c2");
        byte[] evex = bytes("62 f1 74 28 58 c2");
        assertEquals(Disassembler.of(vex), Disassembler.of(evex));
        assertEquals(false, Disassembler.at(vex, 0).evex());
        assertEquals(true, Disassembler.at(evex, 0).evex());
    }

    @Test
    void whatIsNoInstructionIsShown() {
        Throwable e = assertThrows(AssertionError.class, () -> Disassembler.of(bytes("c3 06 90")));
        assertEquals("no instruction at offset 1: 06 90", e.getMessage());
        e = assertThrows(AssertionError.class, () -> Disassembler.of(bytes("c5 f4 58")));
        assertEquals("no instruction at offset 0: c5 f4 58", e.getMessage());
    }
}
