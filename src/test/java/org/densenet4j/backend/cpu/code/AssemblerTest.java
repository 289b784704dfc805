package org.densenet4j.backend.cpu.code;

import static org.densenet4j.backend.cpu.code.Register.R10;
import static org.densenet4j.backend.cpu.code.Register.R11;
import static org.densenet4j.backend.cpu.code.Register.R12;
import static org.densenet4j.backend.cpu.code.Register.R13;
import static org.densenet4j.backend.cpu.code.Register.R14;
import static org.densenet4j.backend.cpu.code.Register.R15;
import static org.densenet4j.backend.cpu.code.Register.R8;
import static org.densenet4j.backend.cpu.code.Register.R9;
import static org.densenet4j.backend.cpu.code.Register.RAX;
import static org.densenet4j.backend.cpu.code.Register.RBP;
import static org.densenet4j.backend.cpu.code.Register.RBX;
import static org.densenet4j.backend.cpu.code.Register.RCX;
import static org.densenet4j.backend.cpu.code.Register.RDI;
import static org.densenet4j.backend.cpu.code.Register.RDX;
import static org.densenet4j.backend.cpu.code.Register.RSI;
import static org.densenet4j.backend.cpu.code.Zmm.zmm;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;

import java.util.HexFormat;
import java.util.function.Consumer;

/**
 * Every instruction against the bytes that LLVM's assembler makes of it ({@code llvm-mc
 * -triple=x86_64 -x86-asm-syntax=intel -show-encoding}, version 14; GNU's agrees). Vector registers
 * come from all four groups of eight in every place, bases from those that need another byte.
 * {@link AssemblerBFloat16Test} has those on bfloat16.
 *
 * <p>Where several encodings mean the same, operands are such that LLVM has no shorter one: ours
 * always have a displacement of one or four bytes and a constant of four.
 */
class AssemblerTest {
    private static final HexFormat HEX = HexFormat.ofDelimiter(" ");

    static void encodes(String assembly, String bytes, Consumer<Assembler> code) {
        assertEquals(bytes, hex(code), assembly);
    }

    private static String hex(Consumer<Assembler> code) {
        Assembler a = new Assembler();
        code.accept(a);
        return HEX.formatHex(a.bytes());
    }

    @Test
    void wordsAreGatheredFromDistancesInAVector() {
        encodes(
                "vgatherdps zmm1 {k3}, [rax + zmm30 + 64]",
                "62 b2 7d 43 92 8c 30 40 00 00 00",
                a -> a.gather(zmm(1), RAX.at(64), zmm(30), Mask.K3));
        encodes(
                "vgatherdps zmm17 {k1}, [r12 + zmm9 + 36]",
                "62 82 7d 49 92 8c 0c 24 00 00 00",
                a -> a.gather(zmm(17), R12.at(36), zmm(9), Mask.K1));
        encodes(
                "vgatherdps zmm8 {k2}, [r13 + zmm16 - 128]",
                "62 52 7d 42 92 84 05 80 ff ff ff",
                a -> a.gather(zmm(8), R13.at(-128), zmm(16), Mask.K2));
        encodes(
                "vgatherdps zmm31 {k2}, [rbp + zmm5 + 1024]",
                "62 62 7d 4a 92 bc 2d 00 04 00 00",
                a -> a.gather(zmm(31), RBP.at(1024), zmm(5), Mask.K2));
    }

    @Test
    void masksAreCopiedAndFilled() {
        encodes("kxnorw k3, k3, k3", "c5 e4 46 db", a -> a.copy(Mask.K3, Mask.K0));
        encodes("kxnorw k1, k1, k1", "c5 f4 46 c9", a -> a.copy(Mask.K1, Mask.K0));
        encodes("kmovw k3, k1", "c5 f8 90 d9", a -> a.copy(Mask.K3, Mask.K1));
        encodes("kmovw k1, k2", "c5 f8 90 ca", a -> a.copy(Mask.K1, Mask.K2));
    }

    @Test
    void wholeVectorsAreLoadedFromAnyBaseAndDisplacement() {
        encodes(
                "vmovups zmm0, [rax + 64]",
                "62 f1 7c 48 10 40 01",
                a -> a.load(zmm(0), RAX.at(64)));
        encodes(
                "vmovups zmm1, [rcx - 64]",
                "62 f1 7c 48 10 49 ff",
                a -> a.load(zmm(1), RCX.at(-64)));
        encodes("vmovups zmm5, [rbp + 0]", "62 f1 7c 48 10 6d 00", a -> a.load(zmm(5), RBP.at(0)));
        encodes("vmovups zmm7, [r13 + 0]", "62 d1 7c 48 10 7d 00", a -> a.load(zmm(7), R13.at(0)));
        encodes(
                "vmovups zmm8, [r12 + 8128]",
                "62 51 7c 48 10 44 24 7f",
                a -> a.load(zmm(8), R12.at(8128)));
        encodes(
                "vmovups zmm9, [rdi - 8192]",
                "62 71 7c 48 10 4f 80",
                a -> a.load(zmm(9), RDI.at(-8192)));
        encodes(
                "vmovups zmm12, [r8 + 8192]",
                "62 51 7c 48 10 a0 00 20 00 00",
                a -> a.load(zmm(12), R8.at(8192)));
        encodes(
                "vmovups zmm15, [rsi - 8256]",
                "62 71 7c 48 10 be c0 df ff ff",
                a -> a.load(zmm(15), RSI.at(-8256)));
        encodes(
                "vmovups zmm16, [r15 + 4]",
                "62 c1 7c 48 10 87 04 00 00 00",
                a -> a.load(zmm(16), R15.at(4)));
        encodes(
                "vmovups zmm18, [rbx - 68]",
                "62 e1 7c 48 10 93 bc ff ff ff",
                a -> a.load(zmm(18), RBX.at(-68)));
        encodes(
                "vmovups zmm21, [r10 + 1048576]",
                "62 c1 7c 48 10 aa 00 00 10 00",
                a -> a.load(zmm(21), R10.at(1048576)));
        encodes(
                "vmovups zmm23, [r14 - 1073741824]",
                "62 c1 7c 48 10 be 00 00 00 c0",
                a -> a.load(zmm(23), R14.at(-1073741824)));
        encodes(
                "vmovups zmm24, [r9 + 128]",
                "62 41 7c 48 10 41 02",
                a -> a.load(zmm(24), R9.at(128)));
        encodes(
                "vmovups zmm27, [r11 + 8128]",
                "62 41 7c 48 10 5b 7f",
                a -> a.load(zmm(27), R11.at(8128)));
        encodes(
                "vmovups zmm30, [rdx + 1]",
                "62 61 7c 48 10 b2 01 00 00 00",
                a -> a.load(zmm(30), RDX.at(1)));
    }

    @Test
    void maskedLoadsZeroWhatTheyLeaveOut() {
        encodes(
                "vmovups zmm0 {k1} {z}, [rax + 64]",
                "62 f1 7c c9 10 40 01",
                a -> a.load(zmm(0), RAX.at(64), Mask.K1));
        encodes(
                "vmovups zmm15 {k2} {z}, [r12 - 64]",
                "62 51 7c ca 10 7c 24 ff",
                a -> a.load(zmm(15), R12.at(-64), Mask.K2));
        encodes(
                "vmovups zmm16 {k3} {z}, [r13 + 0]",
                "62 c1 7c cb 10 45 00",
                a -> a.load(zmm(16), R13.at(0), Mask.K3));
        encodes(
                "vmovups zmm31 {k1} {z}, [rbp + 65]",
                "62 61 7c c9 10 bd 41 00 00 00",
                a -> a.load(zmm(31), RBP.at(65), Mask.K1));
    }

    @Test
    void storesMayBeMasked() {
        encodes(
                "vmovups [r12 + 64], zmm31",
                "62 41 7c 48 11 7c 24 01",
                a -> a.store(zmm(31), R12.at(64)));
        encodes(
                "vmovups [rbp + 0], zmm24",
                "62 61 7c 48 11 45 00",
                a -> a.store(zmm(24), RBP.at(0)));
        encodes(
                "vmovups [rdx - 8192], zmm16",
                "62 e1 7c 48 11 42 80",
                a -> a.store(zmm(16), RDX.at(-8192)));
        encodes(
                "vmovups [r13 + 8192], zmm8",
                "62 51 7c 48 11 85 00 20 00 00",
                a -> a.store(zmm(8), R13.at(8192)));
        encodes(
                "vmovups [r9 + 12], zmm7",
                "62 d1 7c 48 11 b9 0c 00 00 00",
                a -> a.store(zmm(7), R9.at(12)));
        encodes(
                "vmovups [r10 + 64] {k1}, zmm0",
                "62 d1 7c 49 11 42 01",
                a -> a.store(zmm(0), R10.at(64), Mask.K1));
        encodes(
                "vmovups [rbx - 64] {k2}, zmm15",
                "62 71 7c 4a 11 7b ff",
                a -> a.store(zmm(15), RBX.at(-64), Mask.K2));
        encodes(
                "vmovups [r12 + 128] {k3}, zmm16",
                "62 c1 7c 4b 11 44 24 02",
                a -> a.store(zmm(16), R12.at(128), Mask.K3));
        encodes(
                "vmovups [rsi - 132] {k1}, zmm31",
                "62 61 7c 49 11 be 7c ff ff ff",
                a -> a.store(zmm(31), RSI.at(-132), Mask.K1));
    }

    @Test
    void vectorsAreZeroed() {
        encodes("vpxord zmm0, zmm0, zmm0", "62 f1 7d 48 ef c0", a -> a.zero(zmm(0)));
        encodes("vpxord zmm7, zmm7, zmm7", "62 f1 45 48 ef ff", a -> a.zero(zmm(7)));
        encodes("vpxord zmm8, zmm8, zmm8", "62 51 3d 48 ef c0", a -> a.zero(zmm(8)));
        encodes("vpxord zmm15, zmm15, zmm15", "62 51 05 48 ef ff", a -> a.zero(zmm(15)));
        encodes("vpxord zmm16, zmm16, zmm16", "62 a1 7d 40 ef c0", a -> a.zero(zmm(16)));
        encodes("vpxord zmm23, zmm23, zmm23", "62 a1 45 40 ef ff", a -> a.zero(zmm(23)));
        encodes("vpxord zmm24, zmm24, zmm24", "62 01 3d 40 ef c0", a -> a.zero(zmm(24)));
        encodes("vpxord zmm31, zmm31, zmm31", "62 01 05 40 ef ff", a -> a.zero(zmm(31)));
    }

    @Test
    void elementsOutsideAMaskAreZeroed() {
        encodes("vmovaps zmm0 {k1} {z}, zmm0", "62 f1 7c c9 28 c0", a -> a.keep(zmm(0), Mask.K1));
        encodes(
                "vmovaps zmm15 {k2} {z}, zmm15",
                "62 51 7c ca 28 ff",
                a -> a.keep(zmm(15), Mask.K2));
        encodes(
                "vmovaps zmm16 {k3} {z}, zmm16",
                "62 a1 7c cb 28 c0",
                a -> a.keep(zmm(16), Mask.K3));
        encodes(
                "vmovaps zmm31 {k3} {z}, zmm31",
                "62 01 7c cb 28 ff",
                a -> a.keep(zmm(31), Mask.K3));
    }

    @Test
    void vectorsAreCopied() {
        encodes("vmovaps zmm3, zmm12", "62 d1 7c 48 28 dc", a -> a.copy(zmm(3), zmm(12)));
        encodes("vmovaps zmm12, zmm21", "62 31 7c 48 28 e5", a -> a.copy(zmm(12), zmm(21)));
        encodes("vmovaps zmm21, zmm30", "62 81 7c 48 28 ee", a -> a.copy(zmm(21), zmm(30)));
        encodes("vmovaps zmm30, zmm3", "62 61 7c 48 28 f3", a -> a.copy(zmm(30), zmm(3)));
    }

    @Test
    void fusedMultiplyAdds() {
        encodes(
                "vfmadd213ps zmm0, zmm9, zmm18",
                "62 b2 35 48 a8 c2",
                a -> a.multiplyAdd(zmm(0), zmm(9), zmm(18)));
        encodes(
                "vfmadd213ps zmm10, zmm20, zmm30",
                "62 12 5d 40 a8 d6",
                a -> a.multiplyAdd(zmm(10), zmm(20), zmm(30)));
        encodes(
                "vfmadd213ps zmm17, zmm27, zmm1",
                "62 e2 25 40 a8 c9",
                a -> a.multiplyAdd(zmm(17), zmm(27), zmm(1)));
        encodes(
                "vfmadd213ps zmm31, zmm2, zmm11",
                "62 42 6d 48 a8 fb",
                a -> a.multiplyAdd(zmm(31), zmm(2), zmm(11)));
        encodes(
                "vfmadd231ps zmm1, zmm10, zmm19",
                "62 b2 2d 48 b8 cb",
                a -> a.addProduct(zmm(1), zmm(10), zmm(19)));
        encodes(
                "vfmadd231ps zmm11, zmm21, zmm31",
                "62 12 55 40 b8 df",
                a -> a.addProduct(zmm(11), zmm(21), zmm(31)));
        encodes(
                "vfmadd231ps zmm18, zmm28, zmm2",
                "62 e2 1d 40 b8 d2",
                a -> a.addProduct(zmm(18), zmm(28), zmm(2)));
        encodes(
                "vfmadd231ps zmm0, zmm3, zmm12",
                "62 d2 65 48 b8 c4",
                a -> a.addProduct(zmm(0), zmm(3), zmm(12)));
        encodes(
                "vfnmadd231ps zmm0, zmm9, zmm18",
                "62 b2 35 48 bc c2",
                a -> a.subtractProduct(zmm(0), zmm(9), zmm(18)));
        encodes(
                "vfnmadd231ps zmm10, zmm20, zmm30",
                "62 12 5d 40 bc d6",
                a -> a.subtractProduct(zmm(10), zmm(20), zmm(30)));
        encodes(
                "vfnmadd231ps zmm17, zmm27, zmm1",
                "62 e2 25 40 bc c9",
                a -> a.subtractProduct(zmm(17), zmm(27), zmm(1)));
        encodes(
                "vfnmadd231ps zmm31, zmm2, zmm11",
                "62 42 6d 48 bc fb",
                a -> a.subtractProduct(zmm(31), zmm(2), zmm(11)));
        encodes(
                "vfmadd231ps zmm0, zmm9, [rax + 64]",
                "62 f2 35 48 b8 40 01",
                a -> a.addProduct(zmm(0), zmm(9), RAX.at(64)));
        encodes(
                "vfmadd231ps zmm10, zmm20, [r12 - 64]",
                "62 52 5d 40 b8 54 24 ff",
                a -> a.addProduct(zmm(10), zmm(20), R12.at(-64)));
        encodes(
                "vfmadd231ps zmm17, zmm27, [rbp + 0]",
                "62 e2 25 40 b8 4d 00",
                a -> a.addProduct(zmm(17), zmm(27), RBP.at(0)));
        encodes(
                "vfmadd231ps zmm31, zmm2, [r13 + 8192]",
                "62 42 6d 48 b8 bd 00 20 00 00",
                a -> a.addProduct(zmm(31), zmm(2), R13.at(8192)));
    }

    @Test
    void sumsDifferencesProductsAndMaxima() {
        encodes(
                "vaddps zmm2, zmm11, zmm20",
                "62 b1 24 48 58 d4",
                a -> a.add(zmm(2), zmm(11), zmm(20)));
        encodes(
                "vaddps zmm12, zmm22, zmm0",
                "62 71 4c 40 58 e0",
                a -> a.add(zmm(12), zmm(22), zmm(0)));
        encodes(
                "vaddps zmm19, zmm29, zmm3",
                "62 e1 14 40 58 db",
                a -> a.add(zmm(19), zmm(29), zmm(3)));
        encodes(
                "vaddps zmm1, zmm4, zmm13",
                "62 d1 5c 48 58 cd",
                a -> a.add(zmm(1), zmm(4), zmm(13)));
        encodes(
                "vsubps zmm3, zmm12, zmm21",
                "62 b1 1c 48 5c dd",
                a -> a.subtract(zmm(3), zmm(12), zmm(21)));
        encodes(
                "vsubps zmm13, zmm23, zmm1",
                "62 71 44 40 5c e9",
                a -> a.subtract(zmm(13), zmm(23), zmm(1)));
        encodes(
                "vsubps zmm20, zmm30, zmm4",
                "62 e1 0c 40 5c e4",
                a -> a.subtract(zmm(20), zmm(30), zmm(4)));
        encodes(
                "vsubps zmm2, zmm5, zmm14",
                "62 d1 54 48 5c d6",
                a -> a.subtract(zmm(2), zmm(5), zmm(14)));
        encodes(
                "vmulps zmm4, zmm13, zmm22",
                "62 b1 14 48 59 e6",
                a -> a.multiply(zmm(4), zmm(13), zmm(22)));
        encodes(
                "vmulps zmm14, zmm24, zmm2",
                "62 71 3c 40 59 f2",
                a -> a.multiply(zmm(14), zmm(24), zmm(2)));
        encodes(
                "vmulps zmm21, zmm31, zmm5",
                "62 e1 04 40 59 ed",
                a -> a.multiply(zmm(21), zmm(31), zmm(5)));
        encodes(
                "vmulps zmm3, zmm6, zmm15",
                "62 d1 4c 48 59 df",
                a -> a.multiply(zmm(3), zmm(6), zmm(15)));
        encodes(
                "vmaxps zmm5, zmm14, zmm23",
                "62 b1 0c 48 5f ef",
                a -> a.maximum(zmm(5), zmm(14), zmm(23)));
        encodes(
                "vmaxps zmm15, zmm25, zmm3",
                "62 71 34 40 5f fb",
                a -> a.maximum(zmm(15), zmm(25), zmm(3)));
        encodes(
                "vmaxps zmm22, zmm0, zmm6",
                "62 e1 7c 48 5f f6",
                a -> a.maximum(zmm(22), zmm(0), zmm(6)));
        encodes(
                "vmaxps zmm4, zmm7, zmm16",
                "62 b1 44 48 5f e0",
                a -> a.maximum(zmm(4), zmm(7), zmm(16)));
        encodes(
                "vaddps zmm3, zmm12, [rcx + 64]",
                "62 f1 1c 48 58 59 01",
                a -> a.add(zmm(3), zmm(12), RCX.at(64)));
        encodes(
                "vaddps zmm12, zmm21, [rbp + 0]",
                "62 71 54 40 58 65 00",
                a -> a.add(zmm(12), zmm(21), RBP.at(0)));
        encodes(
                "vaddps zmm21, zmm30, [r12 - 8192]",
                "62 c1 0c 40 58 6c 24 80",
                a -> a.add(zmm(21), zmm(30), R12.at(-8192)));
        encodes(
                "vaddps zmm30, zmm3, [r13 + 8192]",
                "62 41 64 48 58 b5 00 20 00 00",
                a -> a.add(zmm(30), zmm(3), R13.at(8192)));
    }

    @Test
    void oneFloatOfMemoryIsBroadcast() {
        encodes(
                "vbroadcastss zmm28, dword ptr [rax + 4]",
                "62 62 7d 48 18 60 01",
                a -> a.broadcast(zmm(28), RAX.at(4)));
        encodes(
                "vbroadcastss zmm7, dword ptr [r12 - 4]",
                "62 d2 7d 48 18 7c 24 ff",
                a -> a.broadcast(zmm(7), R12.at(-4)));
        encodes(
                "vbroadcastss zmm8, dword ptr [rbp + 508]",
                "62 72 7d 48 18 45 7f",
                a -> a.broadcast(zmm(8), RBP.at(508)));
        encodes(
                "vbroadcastss zmm16, dword ptr [r13 - 512]",
                "62 c2 7d 48 18 45 80",
                a -> a.broadcast(zmm(16), R13.at(-512)));
        encodes(
                "vbroadcastss zmm31, dword ptr [r9 + 512]",
                "62 42 7d 48 18 b9 00 02 00 00",
                a -> a.broadcast(zmm(31), R9.at(512)));
        encodes(
                "vbroadcastss zmm0, dword ptr [rdi - 516]",
                "62 f2 7d 48 18 87 fc fd ff ff",
                a -> a.broadcast(zmm(0), RDI.at(-516)));
        encodes(
                "vbroadcastss zmm15, dword ptr [r15 + 6]",
                "62 52 7d 48 18 bf 06 00 00 00",
                a -> a.broadcast(zmm(15), R15.at(6)));
        encodes(
                "vfmadd231ps zmm0, zmm24, dword ptr [rax + 4]{1to16}",
                "62 f2 3d 50 b8 40 01",
                a -> a.addProductOfBroadcast(zmm(0), zmm(24), RAX.at(4)));
        encodes(
                "vfmadd231ps zmm9, zmm15, dword ptr [r12 + 508]{1to16}",
                "62 52 05 58 b8 4c 24 7f",
                a -> a.addProductOfBroadcast(zmm(9), zmm(15), R12.at(508)));
        encodes(
                "vfmadd231ps zmm18, zmm0, dword ptr [rbp - 512]{1to16}",
                "62 e2 7d 58 b8 55 80",
                a -> a.addProductOfBroadcast(zmm(18), zmm(0), RBP.at(-512)));
        encodes(
                "vfmadd231ps zmm27, zmm31, dword ptr [r13 + 512]{1to16}",
                "62 42 05 50 b8 9d 00 02 00 00",
                a -> a.addProductOfBroadcast(zmm(27), zmm(31), R13.at(512)));
        encodes(
                "vfmadd231ps zmm31, zmm8, dword ptr [r8 - 1028]{1to16}",
                "62 42 3d 58 b8 b8 fc fb ff ff",
                a -> a.addProductOfBroadcast(zmm(31), zmm(8), R8.at(-1028)));
    }

    @Test
    void comparisonsSetAMask() {
        encodes(
                "vcmpltps k3 {k1}, zmm31, [r9 + 64]",
                "62 d1 04 41 c2 59 01 01",
                a -> a.less(Mask.K3, zmm(31), R9.at(64), Mask.K1));
        encodes(
                "vcmpltps k1 {k2}, zmm0, [rax - 64]",
                "62 f1 7c 4a c2 48 ff 01",
                a -> a.less(Mask.K1, zmm(0), RAX.at(-64), Mask.K2));
        encodes(
                "vcmpltps k2 {k3}, zmm15, [r12 + 8192]",
                "62 d1 04 4b c2 94 24 00 20 00 00 01",
                a -> a.less(Mask.K2, zmm(15), R12.at(8192), Mask.K3));
        encodes(
                "vcmpltps k3, zmm16, [rbp + 0]",
                "62 f1 7c 40 c2 5d 00 01",
                a -> a.less(Mask.K3, zmm(16), RBP.at(0), Mask.K0));
        encodes(
                "vcmpltps k1, zmm24, [r13 + 0]",
                "62 d1 3c 40 c2 4d 00 01",
                a -> a.less(Mask.K1, zmm(24), R13.at(0), Mask.K0));
        encodes(
                "vcmpltps k3 {k1}, zmm31, zmm0",
                "62 f1 04 41 c2 d8 01",
                a -> a.less(Mask.K3, zmm(31), zmm(0), Mask.K1));
        encodes(
                "vcmpltps k1 {k2}, zmm0, zmm31",
                "62 91 7c 4a c2 cf 01",
                a -> a.less(Mask.K1, zmm(0), zmm(31), Mask.K2));
        encodes(
                "vcmpltps k2, zmm15, zmm16",
                "62 b1 04 48 c2 d0 01",
                a -> a.less(Mask.K2, zmm(15), zmm(16), Mask.K0));
        encodes(
                "vcmpltps k1 {k3}, zmm16, zmm15",
                "62 d1 7c 43 c2 cf 01",
                a -> a.less(Mask.K1, zmm(16), zmm(15), Mask.K3));
    }

    @Test
    void linesArePrefetchedIntoEitherCache() {
        encodes("prefetcht0 [rax + 64]", "0f 18 48 40", a -> a.prefetch(RAX.at(64)));
        encodes("prefetcht0 [rbp + 0]", "0f 18 4d 00", a -> a.prefetch(RBP.at(0)));
        encodes("prefetcht0 [r12 + 127]", "41 0f 18 4c 24 7f", a -> a.prefetch(R12.at(127)));
        encodes("prefetcht0 [r13 - 128]", "41 0f 18 4d 80", a -> a.prefetch(R13.at(-128)));
        encodes("prefetcht0 [rsi + 128]", "0f 18 8e 80 00 00 00", a -> a.prefetch(RSI.at(128)));
        encodes("prefetcht0 [r14 - 129]", "41 0f 18 8e 7f ff ff ff", a -> a.prefetch(R14.at(-129)));
        encodes("prefetcht1 [rdx + 64]", "0f 18 52 40", a -> a.prefetchSecondLevel(RDX.at(64)));
        encodes(
                "prefetcht1 [r12 - 64]",
                "41 0f 18 54 24 c0",
                a -> a.prefetchSecondLevel(R12.at(-64)));
        encodes("prefetcht1 [r13 + 0]", "41 0f 18 55 00", a -> a.prefetchSecondLevel(R13.at(0)));
        encodes(
                "prefetcht1 [rbx + 4096]",
                "0f 18 93 00 10 00 00",
                a -> a.prefetchSecondLevel(RBX.at(4096)));
        encodes(
                "prefetcht1 [r8 - 4096]",
                "41 0f 18 90 00 f0 ff ff",
                a -> a.prefetchSecondLevel(R8.at(-4096)));
    }

    @Test
    void linesArePrefetchedToBeWritten() {
        encodes("prefetchw [r10 + 64]", "41 0f 0d 4a 40", a -> a.prefetchForWriting(R10.at(64)));
        encodes(
                "prefetchw [rax + 4096]",
                "0f 0d 88 00 10 00 00",
                a -> a.prefetchForWriting(RAX.at(4096)));
    }

    @Test
    void equalElementsSetAMask() {
        encodes(
                "vcmpeqps k3, zmm3, zmm20",
                "62 b1 64 48 c2 dc 00",
                a -> a.equal(Mask.K3, zmm(3), zmm(20), Mask.K0));
        encodes(
                "vcmpeqps k2 {k1}, zmm28, zmm7",
                "62 f1 1c 41 c2 d7 00",
                a -> a.equal(Mask.K2, zmm(28), zmm(7), Mask.K1));
    }

    @Test
    void masksOfTheFirstElements() {
        encodes(
                "mov rax, 1; kmovw k1, eax",
                "48 c7 c0 01 00 00 00 c5 f8 92 c8",
                a -> a.first(Mask.K1, 1));
        encodes(
                "mov rax, 32767; kmovw k2, eax",
                "48 c7 c0 ff 7f 00 00 c5 f8 92 d0",
                a -> a.first(Mask.K2, 15));
        encodes(
                "mov rax, 65535; kmovw k3, eax",
                "48 c7 c0 ff ff 00 00 c5 f8 92 d8",
                a -> a.first(Mask.K3, 16));
    }

    @Test
    void registersAreLoadedAndStored() {
        encodes("mov rax, qword ptr [rbx + 8]", "48 8b 43 08", a -> a.load(RAX, RBX.at(8)));
        encodes("mov rcx, qword ptr [r11 + 127]", "49 8b 4b 7f", a -> a.load(RCX, R11.at(127)));
        encodes(
                "mov rdx, qword ptr [rdx + 128]",
                "48 8b 92 80 00 00 00",
                a -> a.load(RDX, RDX.at(128)));
        encodes("mov rbx, qword ptr [r10 - 128]", "49 8b 5a 80", a -> a.load(RBX, R10.at(-128)));
        encodes("mov rbp, qword ptr [rcx + 8]", "48 8b 69 08", a -> a.load(RBP, RCX.at(8)));
        encodes(
                "mov rsi, qword ptr [r9 - 129]",
                "49 8b b1 7f ff ff ff",
                a -> a.load(RSI, R9.at(-129)));
        encodes(
                "mov rdi, qword ptr [rax + 1048576]",
                "48 8b b8 00 00 10 00",
                a -> a.load(RDI, RAX.at(1048576)));
        encodes("mov r8, qword ptr [r8 + 16]", "4d 8b 40 10", a -> a.load(R8, R8.at(16)));
        encodes("mov r9, qword ptr [r15 - 8]", "4d 8b 4f f8", a -> a.load(R9, R15.at(-8)));
        encodes(
                "mov r10, qword ptr [rdi + 4096]",
                "4c 8b 97 00 10 00 00",
                a -> a.load(R10, RDI.at(4096)));
        encodes("mov r11, qword ptr [r14 + 40]", "4d 8b 5e 28", a -> a.load(R11, R14.at(40)));
        encodes("mov r12, qword ptr [rsi + 64]", "4c 8b 66 40", a -> a.load(R12, RSI.at(64)));
        encodes("mov r13, qword ptr [r13 + 8]", "4d 8b 6d 08", a -> a.load(R13, R13.at(8)));
        encodes("mov r14, qword ptr [rbp - 1]", "4c 8b 75 ff", a -> a.load(R14, RBP.at(-1)));
        encodes(
                "mov r15, qword ptr [r12 + 136]",
                "4d 8b bc 24 88 00 00 00",
                a -> a.load(R15, R12.at(136)));
        encodes(
                "mov qword ptr [rdi - 129], rax",
                "48 89 87 7f ff ff ff",
                a -> a.store(RAX, RDI.at(-129)));
        encodes(
                "mov qword ptr [r11 + 1048576], rcx",
                "49 89 8b 00 00 10 00",
                a -> a.store(RCX, R11.at(1048576)));
        encodes("mov qword ptr [r15 + 16], rdx", "49 89 57 10", a -> a.store(RDX, R15.at(16)));
        encodes("mov qword ptr [rbx - 8], rbx", "48 89 5b f8", a -> a.store(RBX, RBX.at(-8)));
        encodes(
                "mov qword ptr [r8 + 4096], rbp",
                "49 89 a8 00 10 00 00",
                a -> a.store(RBP, R8.at(4096)));
        encodes("mov qword ptr [r12 + 40], rsi", "49 89 74 24 28", a -> a.store(RSI, R12.at(40)));
        encodes("mov qword ptr [rax + 64], rdi", "48 89 78 40", a -> a.store(RDI, RAX.at(64)));
        encodes("mov qword ptr [rbp + 24], r8", "4c 89 45 18", a -> a.store(R8, RBP.at(24)));
        encodes("mov qword ptr [r9 - 1], r9", "4d 89 49 ff", a -> a.store(R9, R9.at(-1)));
        encodes(
                "mov qword ptr [r13 + 136], r10",
                "4d 89 95 88 00 00 00",
                a -> a.store(R10, R13.at(136)));
        encodes("mov qword ptr [rcx + 8], r11", "4c 89 59 08", a -> a.store(R11, RCX.at(8)));
        encodes("mov qword ptr [rsi + 127], r12", "4c 89 66 7f", a -> a.store(R12, RSI.at(127)));
        encodes(
                "mov qword ptr [r10 + 128], r13",
                "4d 89 aa 80 00 00 00",
                a -> a.store(R13, R10.at(128)));
        encodes("mov qword ptr [r14 - 128], r14", "4d 89 76 80", a -> a.store(R14, R14.at(-128)));
        encodes("mov qword ptr [rdx + 24], r15", "4c 89 7a 18", a -> a.store(R15, RDX.at(24)));
    }

    @Test
    void addressesOfAnyBase() {
        encodes(
                "lea rcx, [rax + 4096]",
                "48 8d 88 00 10 00 00",
                a -> a.addressOf(RCX, RAX.at(4096)));
        encodes("lea rbx, [rcx + 40]", "48 8d 59 28", a -> a.addressOf(RBX, RCX.at(40)));
        encodes("lea rsi, [rdx + 64]", "48 8d 72 40", a -> a.addressOf(RSI, RDX.at(64)));
        encodes("lea r8, [rbx + 32]", "4c 8d 43 20", a -> a.addressOf(R8, RBX.at(32)));
        encodes("lea r10, [rbp - 1]", "4c 8d 55 ff", a -> a.addressOf(R10, RBP.at(-1)));
        encodes("lea r12, [rsi + 136]", "4c 8d a6 88 00 00 00", a -> a.addressOf(R12, RSI.at(136)));
        encodes("lea r14, [rdi + 8]", "4c 8d 77 08", a -> a.addressOf(R14, RDI.at(8)));
        encodes("lea rax, [r8 + 127]", "49 8d 40 7f", a -> a.addressOf(RAX, R8.at(127)));
        encodes("lea rdx, [r9 + 128]", "49 8d 91 80 00 00 00", a -> a.addressOf(RDX, R9.at(128)));
        encodes("lea rbp, [r10 - 128]", "49 8d 6a 80", a -> a.addressOf(RBP, R10.at(-128)));
        encodes("lea rdi, [r11 + 32]", "49 8d 7b 20", a -> a.addressOf(RDI, R11.at(32)));
        encodes(
                "lea r9, [r12 - 129]",
                "4d 8d 8c 24 7f ff ff ff",
                a -> a.addressOf(R9, R12.at(-129)));
        encodes(
                "lea r11, [r13 + 1048576]",
                "4d 8d 9d 00 00 10 00",
                a -> a.addressOf(R11, R13.at(1048576)));
        encodes("lea r13, [r14 + 16]", "4d 8d 6e 10", a -> a.addressOf(R13, R14.at(16)));
        encodes("lea r15, [r15 - 8]", "4d 8d 7f f8", a -> a.addressOf(R15, R15.at(-8)));
    }

    @Test
    void registersAreSetCopiedAndAdded() {
        encodes("add rax, rsi", "48 01 f0", a -> a.add(RAX, RSI));
        encodes("add rdx, r11", "4c 01 da", a -> a.add(RDX, R11));
        encodes("add r12, rbp", "49 01 ec", a -> a.add(R12, RBP));
        encodes("add r13, r15", "4d 01 fd", a -> a.add(R13, R15));
        encodes("mov rax, rsi", "48 8b c6", a -> a.copy(RAX, RSI));
        encodes("mov rbx, r9", "49 8b d9", a -> a.copy(RBX, R9));
        encodes("mov r14, r10", "4d 8b f2", a -> a.copy(R14, R10));
        encodes("mov r8, rcx", "4c 8b c1", a -> a.copy(R8, RCX));
        encodes("mov rbp, r12", "49 8b ec", a -> a.copy(RBP, R12));
        encodes("mov rax, 0", "48 c7 c0 00 00 00 00", a -> a.set(RAX, 0));
        encodes("mov r12, 5", "49 c7 c4 05 00 00 00", a -> a.set(R12, 5));
        encodes("mov rdi, -1", "48 c7 c7 ff ff ff ff", a -> a.set(RDI, -1));
        encodes("mov r11, 2147483647", "49 c7 c3 ff ff ff 7f", a -> a.set(R11, Integer.MAX_VALUE));
        encodes("mov rbp, -2147483648", "48 c7 c5 00 00 00 80", a -> a.set(RBP, Integer.MIN_VALUE));
        encodes("add rcx, 128", "48 81 c1 80 00 00 00", a -> a.add(RCX, 128));
        encodes("add r9, -129", "49 81 c1 7f ff ff ff", a -> a.add(R9, -129));
        encodes("add r13, 74565", "49 81 c5 45 23 01 00", a -> a.add(R13, 74565));
        encodes("add rbp, 2147483647", "48 81 c5 ff ff ff 7f", a -> a.add(RBP, Integer.MAX_VALUE));
    }

    @Test
    void aFunctionSavesWhatItsCallerKeeps() {
        encodes(
                "push rbx; push rbp; push r12; push r13; push r14; push r15",
                "53 55 41 54 41 55 41 56 41 57",
                Assembler::enter);
        encodes(
                "pop r15; pop r14; pop r13; pop r12; pop rbp; pop rbx; vzeroupper; ret",
                "41 5f 41 5e 41 5d 41 5c 5d 5b c5 f8 77 c3",
                Assembler::leave);
    }

    /** As long as it takes for LLVM to jump by four bytes. */
    private static void manyProducts(Assembler a) {
        for (int i = 0; i < 24; i++) {
            a.addProduct(zmm(i), zmm(24), zmm(28));
        }
    }

    @Test
    void loopsCountDown() {
        encodes(
                "mov r13, 5; L: ...; dec r13; jne L",
                "49 c7 c5 05 00 00 00 "
                        + hex(AssemblerTest::manyProducts)
                        + " 49 ff cd 0f 85 67 ff ff ff",
                a -> a.repeat(5, R13, () -> manyProducts(a)));
    }

    @Test
    void branchesJumpOverEachOther() {
        String body = hex(AssemblerTest::manyProducts);
        encodes(
                "test r11, r11; jne O; ...; jmp E; O: ...; E: add rsi, r11",
                "4d 85 db 0f 85 95 00 00 00 " + body + " e9 90 00 00 00 " + body + " 4c 01 de",
                a -> {
                    a.ifZero(R11, () -> manyProducts(a), () -> manyProducts(a));
                    a.add(RSI, R11);
                });
    }

    @Test
    void whatRunsOnceOrNeverNeedsNoLoop() {
        Consumer<Assembler> body = a -> a.zero(zmm(3));
        encodes("body", hex(body), a -> a.repeat(1, R12, () -> body.accept(a)));
        encodes("", "", a -> a.repeat(0, R12, () -> body.accept(a)));
        encodes("", "", a -> a.repeat(-1, R12, () -> body.accept(a)));
        encodes("", "", a -> a.add(RAX, 0));
    }

    @Test
    void instructionsFollowEachOther() {
        encodes(
                "vmovups zmm1 {k1} {z}, [r12 + 64]; add rsi, r11; vmovups [r12 + 64] {k1}, zmm1",
                "62 d1 7c c9 10 4c 24 01 4c 01 de 62 d1 7c 49 11 4c 24 01",
                a -> {
                    a.load(zmm(1), R12.at(64), Mask.K1);
                    a.add(RSI, R11);
                    a.store(zmm(1), R12.at(64), Mask.K1);
                });
    }

    @Test
    void addressesMoveByBytes() {
        assertEquals(RBX.at(-60), RBX.at(4).plus(-64));
    }

    @Test
    void whatCannotBeEncodedIsRefused() {
        Assembler a = new Assembler();
        long far = 1L << 31;
        assertThrows(ArithmeticException.class, () -> RAX.at(far));
        assertThrows(ArithmeticException.class, () -> RAX.at(1).plus(far - 1));
        assertThrows(ArithmeticException.class, () -> a.add(RAX, far));
        assertThrows(ArithmeticException.class, () -> a.set(RAX, -far - 1));
        assertThrows(IllegalArgumentException.class, () -> zmm(32));
        assertThrows(IllegalArgumentException.class, () -> zmm(-1));
    }
}
