package org.densenet4j.backend.cpu.code;

import static org.densenet4j.backend.cpu.code.AssemblerTest.encodes;
import static org.densenet4j.backend.cpu.code.Register.R12;
import static org.densenet4j.backend.cpu.code.Register.R13;
import static org.densenet4j.backend.cpu.code.Register.R14;
import static org.densenet4j.backend.cpu.code.Register.R8;
import static org.densenet4j.backend.cpu.code.Register.RAX;
import static org.densenet4j.backend.cpu.code.Register.RBP;
import static org.densenet4j.backend.cpu.code.Zmm.zmm;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.stream.IntStream;

/** The instructions on bfloat16, as {@link AssemblerTest} has the others, and constants. */
class AssemblerBFloat16Test {
    @Test
    void wordsOfSixteenBitsAreWidened() {
        encodes(
                "vpmovzxwd zmm0, [rax + 32]",
                "62 f2 7d 48 33 40 01",
                a -> a.loadHalves(zmm(0), RAX.at(32), Mask.K0));
        encodes(
                "vpmovzxwd zmm17 {k1} {z}, [r12 - 64]",
                "62 c2 7d c9 33 4c 24 fe",
                a -> a.loadHalves(zmm(17), R12.at(-64), Mask.K1));
        encodes(
                "vpmovzxwd zmm31 {k2} {z}, [r13 + 33]",
                "62 42 7d ca 33 bd 21 00 00 00",
                a -> a.loadHalves(zmm(31), R13.at(33), Mask.K2));
    }

    @Test
    void halvesOfVectorsAreStored() {
        encodes(
                "vmovdqu16 [rax + 64], ymm1",
                "62 f1 ff 28 7f 48 02",
                a -> a.storeLowerHalf(zmm(1), RAX.at(64), Mask.K0));
        encodes(
                "vmovdqu16 [r12 + 32] {k2}, ymm19",
                "62 c1 ff 2a 7f 5c 24 01",
                a -> a.storeLowerHalf(zmm(19), R12.at(32), Mask.K2));
        encodes(
                "vmovdqu16 [r13 + 7] {k1}, ymm31",
                "62 41 ff 29 7f bd 07 00 00 00",
                a -> a.storeLowerHalf(zmm(31), R13.at(7), Mask.K1));
        encodes(
                "vextractf64x4 [rbp + 32], zmm8, 1",
                "62 73 fd 48 1b 45 01 01",
                a -> a.storeUpperHalf(zmm(8), RBP.at(32)));
        encodes(
                "vextractf64x4 [r14 - 4096], zmm25, 1",
                "62 43 fd 48 1b 4e 80 01",
                a -> a.storeUpperHalf(zmm(25), R14.at(-4096)));
    }

    @Test
    void elementsAreShiftedAndJoined() {
        encodes("vpsrld zmm3, zmm3, 16", "62 f1 65 48 72 d3 10", a -> a.shiftRight(zmm(3), 16));
        encodes("vpsrld zmm28, zmm28, 16", "62 91 1d 40 72 d4 10", a -> a.shiftRight(zmm(28), 16));
        encodes(
                "vpord zmm1, zmm10, zmm20",
                "62 b1 2d 48 eb cc",
                a -> a.or(zmm(1), zmm(10), zmm(20)));
        encodes(
                "vpord zmm29, zmm18, zmm3",
                "62 61 6d 40 eb eb",
                a -> a.or(zmm(29), zmm(18), zmm(3)));
        encodes("vpslld zmm3, zmm3, 16", "62 f1 65 48 72 f3 10", a -> a.shiftLeft(zmm(3), 16));
        encodes("vpslld zmm28, zmm28, 16", "62 91 1d 40 72 f4 10", a -> a.shiftLeft(zmm(28), 16));
    }

    @Test
    void oneOrTwoVectorsAreRounded() {
        encodes("vcvtneps2bf16 ymm9, zmm9", "62 52 7e 48 72 c9", a -> a.round(zmm(9), zmm(9)));
        encodes("vcvtneps2bf16 ymm30, zmm17", "62 22 7e 48 72 f1", a -> a.round(zmm(30), zmm(17)));
        encodes(
                "vcvtne2ps2bf16 zmm1, zmm10, zmm20",
                "62 b2 2f 48 72 cc",
                a -> a.round(zmm(1), zmm(10), zmm(20)));
        encodes(
                "vcvtne2ps2bf16 zmm29, zmm18, zmm3",
                "62 62 6f 40 72 eb",
                a -> a.round(zmm(29), zmm(18), zmm(3)));
    }

    @Test
    void wordsOfSixteenBitsAreReordered() {
        encodes(
                "vpermw zmm2, zmm30, zmm11",
                "62 d2 8d 40 8d d3",
                a -> a.permuteHalves(zmm(2), zmm(30), zmm(11)));
        encodes(
                "vpermw zmm27, zmm12, zmm22",
                "62 22 9d 48 8d de",
                a -> a.permuteHalves(zmm(27), zmm(12), zmm(22)));
    }

    @Test
    void productsOfPairsAreAdded() {
        encodes(
                "vdpbf16ps zmm4, zmm13, zmm21",
                "62 b2 16 48 52 e5",
                a -> a.addProductOfPairs(zmm(4), zmm(13), zmm(21)));
        encodes(
                "vdpbf16ps zmm26, zmm24, zmm5",
                "62 62 3e 40 52 d5",
                a -> a.addProductOfPairs(zmm(26), zmm(24), zmm(5)));
        encodes(
                "vdpbf16ps zmm6, zmm25, dword ptr [r8 + 4]{1to16}",
                "62 d2 36 50 52 70 01",
                a -> a.addProductOfBroadcastPairs(zmm(6), zmm(25), R8.at(4)));
        encodes(
                "vdpbf16ps zmm23, zmm14, dword ptr [r12 + 508]{1to16}",
                "62 c2 0e 58 52 7c 24 7f",
                a -> a.addProductOfBroadcastPairs(zmm(23), zmm(14), R12.at(508)));
    }

    @Test
    void bitsAreTested() {
        encodes(
                "vptestmd k3, zmm7, zmm16",
                "62 b2 45 48 27 d8",
                a -> a.shareBits(Mask.K3, zmm(7), zmm(16), Mask.K0));
        encodes(
                "vptestmd k2 {k1}, zmm28, zmm15",
                "62 d2 1d 41 27 d7",
                a -> a.shareBits(Mask.K2, zmm(28), zmm(15), Mask.K1));
        encodes(
                "vptestmd k1 {k2}, zmm11, zmm30",
                "62 92 25 4a 27 ce",
                a -> a.shareBits(Mask.K1, zmm(11), zmm(30), Mask.K2));
    }

    /** {@code vmovups zmm5, [rip + 54]; vmovups zmm30, [rip + 108]} and the constants. */
    @Test
    void constantsLieOnCacheLinesBehindTheCode() {
        int[] words = IntStream.range(0, 16).map(i -> 7 * i - 40).toArray();
        Assembler a = new Assembler();
        a.constant(zmm(5), words);
        a.constantEverywhere(zmm(30), 0x7FFF);
        ByteBuffer code = ByteBuffer.wrap(a.bytes()).order(ByteOrder.LITTLE_ENDIAN);
        assertEquals(3 * 64, code.capacity());
        byte[] loads = new byte[20];
        code.get(loads);
        byte[] expected = {
            0x62,
            (byte) 0xF1,
            0x7C,
            0x48,
            0x10,
            0x2D,
            54,
            0,
            0,
            0,
            0x62,
            0x61,
            0x7C,
            0x48,
            0x10,
            0x35,
            108,
            0,
            0,
            0
        };
        assertArrayEquals(expected, loads);
        int[] constants = new int[32];
        code.slice(64, 128).order(ByteOrder.LITTLE_ENDIAN).asIntBuffer().get(constants);
        for (int i = 0; i < 16; i++) {
            assertEquals(words[i], constants[i]);
            assertEquals(0x7FFF, constants[16 + i]);
        }
    }
}
