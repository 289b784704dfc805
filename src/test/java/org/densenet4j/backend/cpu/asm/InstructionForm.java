package org.densenet4j.backend.cpu.asm;

import static org.densenet4j.backend.cpu.asm.InstructionSet.AVX2;
import static org.densenet4j.backend.cpu.asm.InstructionSet.AVX512;
import static org.densenet4j.backend.cpu.asm.InstructionSet.AVX512_BF16;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The instructions that the assembler writes: {@link #ALL}.
 *
 * <p>An instruction is added by one line: the set it needs, the text that LLVM prints of it with
 * {@link Operands} by their names (of several instructions with {@code "; "} between them), and the
 * call that writes it. {@link EncodingTest} then reads it back with all operands, and kernels of
 * that set may contain it.
 *
 * @param registers how many vector registers, or tiles, it can name
 * @param write null for those that frames and loops alone have, which {@link AssemblerTest} reads
 */
public record InstructionForm(
        InstructionSet set, int registers, String text, BiConsumer<Assembler, Operands> write) {
    /** A constant behind the code, as these texts call it. */
    private static final String CONSTANT = "[rip + constant]";

    static final List<InstructionForm> ALL = all();

    /** One of a form's instructions. */
    private record Single(InstructionSet set, String mnemonic, Pattern pattern) {}

    private static final Map<String, List<Single>> SINGLE =
            ALL.stream()
                    .flatMap(InstructionForm::singles)
                    .collect(Collectors.groupingBy(Single::mnemonic));

    private Stream<Single> singles() {
        return Arrays.stream(text.split("; "))
                .map(single -> new Single(set, mnemonic(single), Operands.pattern(single)));
    }

    private static String mnemonic(String instruction) {
        return instruction.split(" ", 2)[0];
    }

    private static List<InstructionForm> all() {
        List<InstructionForm> all = new ArrayList<>();
        all.addAll(general());
        all.addAll(vectors(AVX2, "ymm"));
        all.addAll(vectors(AVX512, "zmm"));
        all.addAll(avx2());
        all.addAll(avx512());
        all.addAll(bfloat16());
        all.addAll(tiles());
        return List.copyOf(all);
    }

    private static List<InstructionForm> general() {
        return List.of(
                general("mov {r}, qword ptr [{at}]", (a, o) -> a.load(o.r(), o.at())),
                general("mov {s}, qword ptr [{at}]", (a, o) -> a.load(o.s(), o.at())),
                general("mov qword ptr [{at}], {s}", (a, o) -> a.store(o.s(), o.at())),
                general("lea {s}, [{at}]", (a, o) -> a.addressOf(o.s(), o.at())),
                general("mov {r}, {s}", (a, o) -> a.copy(o.r(), o.s())),
                general("mov {r}, {value}", (a, o) -> a.set(o.r(), o.value())),
                general("add {r}, {s}", (a, o) -> a.add(o.r(), o.s())),
                general("add {r}, {value}", (a, o) -> a.add(o.r(), o.value())),
                general("prefetcht0 byte ptr [{at}]", (a, o) -> a.prefetch(o.at())),
                general("prefetcht1 byte ptr [{at}]", (a, o) -> a.prefetchSecondLevel(o.at())),
                general("prefetchw byte ptr [{at}]", (a, o) -> a.prefetchForWriting(o.at())),
                general("push {r}", null),
                general("pop {r}", null),
                general("test {r}, {r}", null),
                general("dec {r}", null),
                general("jne {value}", null),
                general("jmp {value}", null),
                general("vzeroupper", null),
                general("ret", null));
    }

    /** Those that all sets have, with vectors of their own size. */
    private static List<InstructionForm> vectors(InstructionSet set, String v) {
        return List.of(
                form(set, v, "vmovups V{x}, Vword ptr [{at}]", (a, o) -> a.load(o.x(), o.at())),
                form(set, v, "vmovups Vword ptr [{at}], V{x}", (a, o) -> a.store(o.x(), o.at())),
                form(
                        set,
                        v,
                        "vmovups V{x}, Vword ptr " + CONSTANT,
                        (a, o) -> a.multiples(o.x(), o.bits())),
                form(
                        set,
                        v,
                        "vbroadcastss V{x}, dword ptr [{at}]",
                        (a, o) -> a.broadcast(o.x(), o.at())),
                form(set, v, "vmovaps V{x}, V{y}", (a, o) -> a.copy(o.x(), o.y())),
                form(set, v, "vaddps V{x}, V{y}, V{w}", (a, o) -> a.add(o.x(), o.y(), o.w())),
                form(
                        set,
                        v,
                        "vaddps V{x}, V{y}, Vword ptr [{at}]",
                        (a, o) -> a.add(o.x(), o.y(), o.at())),
                form(set, v, "vsubps V{x}, V{y}, V{w}", (a, o) -> a.subtract(o.x(), o.y(), o.w())),
                form(set, v, "vmulps V{x}, V{y}, V{w}", (a, o) -> a.multiply(o.x(), o.y(), o.w())),
                form(set, v, "vdivps V{x}, V{y}, V{w}", (a, o) -> a.divide(o.x(), o.y(), o.w())),
                form(set, v, "vsqrtps V{x}, V{y}", (a, o) -> a.squareRoot(o.x(), o.y())),
                form(set, v, "vcvtps2dq V{x}, V{y}", (a, o) -> a.toIntegers(o.x(), o.y())),
                form(set, v, "vcvtdq2ps V{x}, V{y}", (a, o) -> a.toFloats(o.x(), o.y())),
                form(
                        set,
                        v,
                        "vpaddd V{x}, V{y}, V{w}",
                        (a, o) -> a.addIntegers(o.x(), o.y(), o.w())),
                form(set, v, "vmaxps V{x}, V{y}, V{w}", (a, o) -> a.maximum(o.x(), o.y(), o.w())),
                form(set, v, "vminps V{x}, V{y}, V{w}", (a, o) -> a.minimum(o.x(), o.y(), o.w())),
                form(
                        set,
                        v,
                        "vfmadd213ps V{x}, V{y}, V{w}",
                        (a, o) -> a.multiplyAdd(o.x(), o.y(), o.w())),
                form(
                        set,
                        v,
                        "vfmadd231ps V{x}, V{y}, V{w}",
                        (a, o) -> a.addProduct(o.x(), o.y(), o.w())),
                form(
                        set,
                        v,
                        "vfnmadd231ps V{x}, V{y}, V{w}",
                        (a, o) -> a.subtractProduct(o.x(), o.y(), o.w())),
                form(set, v, "vpslld V{x}, V{x}, {bits}", (a, o) -> a.shiftLeft(o.x(), o.bits())),
                form(
                        set,
                        v,
                        "vpslld V{x}, V{y}, {bits}",
                        (a, o) -> a.shiftLeft(o.x(), o.y(), o.bits())),
                form(set, v, "vpsrld V{x}, V{x}, {bits}", (a, o) -> a.shiftRight(o.x(), o.bits())));
    }

    private static List<InstructionForm> avx2() {
        List<InstructionForm> all = new ArrayList<>();
        all.add(avx2("vpxor ymm{x}, ymm{x}, ymm{x}", (a, o) -> a.zero(o.x())));
        all.add(avx2("vpand ymm{x}, ymm{y}, ymm{w}", (a, o) -> a.and(o.x(), o.y(), o.w())));
        all.add(avx2("vpor ymm{x}, ymm{y}, ymm{w}", (a, o) -> a.or(o.x(), o.y(), o.w())));
        all.add(avx2("vrcpps ymm{x}, ymm{y}", (a, o) -> a.reciprocalEstimate(o.x(), o.y())));
        all.add(
                avx2(
                        "vperm2f128 ymm{y}, ymm{x}, ymm{x}, 1; vaddps ymm{x}, ymm{x}, ymm{y};"
                                + " vpermilps ymm{y}, ymm{x}, 78; vaddps ymm{x}, ymm{x}, ymm{y};"
                                + " vpermilps ymm{y}, ymm{x}, 177; vaddps ymm{x}, ymm{x}, ymm{y}",
                        (a, o) -> a.addAcross(o.x(), o.y())));
        all.add(
                avx2(
                        "vbroadcastss ymm15, dword ptr [{at}]; vfmadd231ps ymm{x}, ymm{y}, ymm15",
                        (a, o) -> a.addProductOfBroadcast(o.x(), o.y(), o.at())));
        all.add(
                avx2(
                        "vcmpltps ymm15, ymm{w}, ymm{y}; vandps ymm{x}, ymm{x}, ymm15",
                        (a, o) -> a.keepWherePositive(o.x(), o.y(), o.w())));
        all.add(
                avx2(
                        "vcmpltps ymm15, ymm{w}, ymmword ptr [{at}]; vandps ymm{x}, ymm{x}, ymm15",
                        (a, o) -> a.keepWherePositive(o.x(), o.at(), o.w())));
        all.add(
                avx2(
                        "vcmpeqps ymm15, ymm{y}, ymm{w}; vandps ymm{x}, ymm{x}, ymm15",
                        (a, o) -> a.keepWhereEqual(o.x(), o.y(), o.w())));
        all.add(
                avx2(
                        "vpxor ymm{x}, ymm{x}, ymm{x}; vmovups ymm15, ymmword ptr "
                                + CONSTANT
                                + "; vgatherdps ymm{x}, dword ptr [{base} + ymm{w}{displacement}],"
                                + " ymm15",
                        (a, o) -> a.gather(o.x(), o.at(), o.w(), Tail.WHOLE)));
        String masked =
                "vmovups ymm{x}, ymmword ptr "
                        + CONSTANT
                        + "; vmaskmovps ymm{x}, ymm{x}, ymmword ptr [{at}]";
        String[] loads = {
            "vmovss xmm{x}, dword ptr [{at}]",
            "vmovsd xmm{x}, qword ptr [{at}]",
            masked,
            "vmovups xmm{x}, xmmword ptr [{at}]",
            masked,
            masked,
            masked
        };
        String half = "vmovups xmmword ptr [{at}], xmm{x}";
        String upper = half + "; vextractf128 xmm15, ymm{x}, 1; ";
        String[] stores = {
            "vextractps dword ptr [{at}], xmm{x}, 0",
            "vmovlps qword ptr [{at}], xmm{x}",
            "vmovlps qword ptr [{at}], xmm{x}; vextractps dword ptr [{at+8}], xmm{x}, 2",
            half,
            upper + "vextractps dword ptr [{at+16}], xmm15, 0",
            upper + "vmovlps qword ptr [{at+16}], xmm15",
            upper + "vmovlps qword ptr [{at+16}], xmm15; vextractps dword ptr [{at+24}], xmm15, 2"
        };
        String widened = "; vpmovzxwd ymm{x}, xmm{x}";
        String none = "vpxor xmm{x}, xmm{x}, xmm{x}; ";
        String four = "vmovq xmm{x}, qword ptr [{at}]";
        String[] halves = {
            none + "vpinsrw xmm{x}, xmm{x}, word ptr [{at}], 0" + widened,
            none + "vpinsrd xmm{x}, xmm{x}, dword ptr [{at}], 0" + widened,
            none
                    + "vpinsrd xmm{x}, xmm{x}, dword ptr [{at}], 0; "
                    + "vpinsrw xmm{x}, xmm{x}, word ptr [{at+4}], 2"
                    + widened,
            four + widened,
            four + "; vpinsrw xmm{x}, xmm{x}, word ptr [{at+8}], 4" + widened,
            four + "; vpinsrd xmm{x}, xmm{x}, dword ptr [{at+8}], 2" + widened,
            four
                    + "; vpinsrd xmm{x}, xmm{x}, dword ptr [{at+8}], 2; "
                    + "vpinsrw xmm{x}, xmm{x}, word ptr [{at+12}], 6"
                    + widened
        };
        String rounded =
                "vmovaps ymm15, ymm{x}; vpsrld ymm15, ymm15, 16; vpand ymm15, ymm15, ymmword ptr "
                        + CONSTANT
                        + "; vpaddd ymm{x}, ymm{x}, ymm15; vpaddd ymm{x}, ymm{x}, ymmword ptr "
                        + CONSTANT
                        + "; vpsrld ymm{x}, ymm{x}, 16; vextractf128 xmm15, ymm{x}, 1; "
                        + "vpackusdw xmm{x}, xmm{x}, xmm15; ";
        String fourHalves = rounded + "vmovq qword ptr [{at}], xmm{x}";
        String[] storedHalves = {
            rounded + "vpextrw word ptr [{at}], xmm{x}, 0",
            rounded + "vpextrd dword ptr [{at}], xmm{x}, 0",
            rounded
                    + "vpextrd dword ptr [{at}], xmm{x}, 0; "
                    + "vpextrw word ptr [{at+4}], xmm{x}, 2",
            fourHalves,
            fourHalves + "; vpextrw word ptr [{at+8}], xmm{x}, 4",
            fourHalves + "; vpextrd dword ptr [{at+8}], xmm{x}, 2",
            fourHalves
                    + "; vpextrd dword ptr [{at+8}], xmm{x}, 2; "
                    + "vpextrw word ptr [{at+12}], xmm{x}, 6"
        };
        for (int i = 0; i < loads.length; i++) {
            Tail tail = new Tail(i + 1, 0);
            all.add(avx2(loads[i], (a, o) -> a.load(o.x(), o.at(), tail)));
            all.add(avx2(stores[i], (a, o) -> a.store(o.x(), o.at(), tail)));
            all.add(avx2(halves[i], (a, o) -> a.loadHalves(o.x(), o.at(), tail)));
            all.add(avx2(storedHalves[i], (a, o) -> a.storeBFloat16(o.x(), o.at(), tail)));
        }
        all.add(
                avx2(
                        "vpmovzxwd ymm{x}, xmmword ptr [{at}]",
                        (a, o) -> a.loadHalves(o.x(), o.at(), Tail.WHOLE)));
        all.add(
                avx2(
                        rounded + "vmovups xmmword ptr [{at}], xmm{x}",
                        (a, o) -> a.storeBFloat16(o.x(), o.at(), Tail.WHOLE)));
        return all;
    }

    private static List<InstructionForm> avx512() {
        return List.of(
                avx512("kmovw k{m}, eax", null),
                avx512(
                        "vmovups zmm{x}{kz}, zmmword ptr [{at}]",
                        (a, o) -> a.load(o.x(), o.at(), o.tail())),
                avx512(
                        "vmovups zmmword ptr [{at}]{k}, zmm{x}",
                        (a, o) -> a.store(o.x(), o.at(), o.tail())),
                avx512("vpxord zmm{x}, zmm{x}, zmm{x}", (a, o) -> a.zero(o.x())),
                avx512("vpandd zmm{x}, zmm{y}, zmm{w}", (a, o) -> a.and(o.x(), o.y(), o.w())),
                avx512("vpord zmm{x}, zmm{y}, zmm{w}", (a, o) -> a.or(o.x(), o.y(), o.w())),
                avx512("vrcp14ps zmm{x}, zmm{y}", (a, o) -> a.reciprocalEstimate(o.x(), o.y())),
                avx512(
                        "vshuff64x2 zmm{y}, zmm{x}, zmm{x}, 78; vaddps zmm{x}, zmm{x}, zmm{y};"
                                + " vshuff64x2 zmm{y}, zmm{x}, zmm{x}, 177;"
                                + " vaddps zmm{x}, zmm{x}, zmm{y}; vpermilps zmm{y}, zmm{x}, 78;"
                                + " vaddps zmm{x}, zmm{x}, zmm{y}; vpermilps zmm{y}, zmm{x}, 177;"
                                + " vaddps zmm{x}, zmm{x}, zmm{y}",
                        (a, o) -> a.addAcross(o.x(), o.y())),
                avx512(
                        "vfmadd231ps zmm{x}, zmm{y}, dword ptr [{at}]{1to16}",
                        (a, o) -> a.addProductOfBroadcast(o.x(), o.y(), o.at())),
                avx512(
                        "vpxord zmm{x}, zmm{x}, zmm{x}; kxnorw k7, k7, k7; "
                                + "vgatherdps zmm{x} {k7}, dword ptr [{base} + zmm{w}{displacement}]",
                        (a, o) -> a.gather(o.x(), o.at(), o.w(), Tail.WHOLE)),
                avx512(
                        "vpxord zmm{x}, zmm{x}, zmm{x}; kmovw k7, k{m}; "
                                + "vgatherdps zmm{x} {k7}, dword ptr [{base} + zmm{w}{displacement}]",
                        (a, o) -> a.gather(o.x(), o.at(), o.w(), new Tail(3, o.m()))),
                avx512(
                        "vcmpltps k7, zmm{w}, zmm{y}; vmovaps zmm{x} {k7} {z}, zmm{x}",
                        (a, o) -> a.keepWherePositive(o.x(), o.y(), o.w())),
                avx512(
                        "vcmpltps k7, zmm{w}, zmmword ptr [{at}]; vmovaps zmm{x} {k7} {z}, zmm{x}",
                        (a, o) -> a.keepWherePositive(o.x(), o.at(), o.w())),
                avx512(
                        "vcmpeqps k7, zmm{y}, zmm{w}; vmovaps zmm{x} {k7} {z}, zmm{x}",
                        (a, o) -> a.keepWhereEqual(o.x(), o.y(), o.w())),
                avx512(
                        "vptestmd k7, zmm{y}, zmm{w}; vmovaps zmm{x} {k7} {z}, zmm{x}",
                        (a, o) -> a.keepWhereBitsAreShared(o.x(), o.y(), o.w())),
                avx512(
                        "vptestmd k7, zmm{y}, zmm{w}; "
                                + "vmovups zmm{x} {k7} {z}, zmmword ptr [{at}]",
                        (a, o) -> a.loadWhereBitsAreShared(o.x(), o.at(), o.y(), o.w())),
                avx512(
                        "vmovups xmm{x}, xmmword ptr [{at}]",
                        (a, o) -> a.loadQuarter(o.x(), o.at())),
                avx512(
                        "vinserti32x4 zmm{x}, zmm{x}, xmmword ptr [{at}], 1",
                        (a, o) -> a.insertQuarter(o.x(), 1, o.at())),
                avx512(
                        "vinserti32x4 zmm{x}, zmm{x}, xmmword ptr [{at}], 2",
                        (a, o) -> a.insertQuarter(o.x(), 2, o.at())),
                avx512(
                        "vinserti32x4 zmm{x}, zmm{x}, xmmword ptr [{at}], 3",
                        (a, o) -> a.insertQuarter(o.x(), 3, o.at())),
                avx512(
                        "vunpcklps zmm{x}, zmm{y}, zmm{w}",
                        (a, o) -> a.interleaveLower(o.x(), o.y(), o.w())),
                avx512(
                        "vunpckhps zmm{x}, zmm{y}, zmm{w}",
                        (a, o) -> a.interleaveUpper(o.x(), o.y(), o.w())),
                avx512(
                        "vunpcklpd zmm{x}, zmm{y}, zmm{w}",
                        (a, o) -> a.joinLower(o.x(), o.y(), o.w())),
                avx512(
                        "vunpckhpd zmm{x}, zmm{y}, zmm{w}",
                        (a, o) -> a.joinUpper(o.x(), o.y(), o.w())),
                avx512(
                        "vpmovzxwd zmm{x}{kz}, ymmword ptr [{at}]",
                        (a, o) -> a.loadHalves(o.x(), o.at(), o.tail())),
                avx512(
                        "vptestmd k7, zmm{x}, zmmword ptr "
                                + CONSTANT
                                + "; vpaddd zmm{x}, zmm{x}, zmmword ptr "
                                + CONSTANT
                                + "; vpaddd zmm{x} {k7}, zmm{x}, zmmword ptr "
                                + CONSTANT
                                + "; vpsrld zmm{x}, zmm{x}, 16; "
                                + "vpmovdw ymmword ptr [{at}]{k}, zmm{x}",
                        (a, o) -> a.storeBFloat16(o.x(), o.at(), o.tail())),
                avx512(
                        "vmovdqu16 ymmword ptr [{at}]{k}, ymm{x}",
                        (a, o) -> a.storeLowerHalf(o.x(), o.at(), o.tail())),
                avx512(
                        "vextractf64x4 ymmword ptr [{at}], zmm{x}, 1",
                        (a, o) -> a.storeUpperHalf(o.x(), o.at())),
                avx512(
                        "vpermw zmm{x}, zmm{y}, zmm{w}",
                        (a, o) -> a.permuteHalves(o.x(), o.y(), o.w())));
    }

    private static List<InstructionForm> bfloat16() {
        return List.of(
                bfloat16("vcvtneps2bf16 ymm{x}, zmm{y}", (a, o) -> a.round(o.x(), o.y())),
                bfloat16(
                        "vcvtne2ps2bf16 zmm{x}, zmm{y}, zmm{w}",
                        (a, o) -> a.round(o.x(), o.y(), o.w())),
                bfloat16(
                        "vcvtneps2bf16 ymm{x}, zmm{x}; vmovdqu16 ymmword ptr [{at}]{k}, ymm{x}",
                        (a, o) -> a.storeBFloat16(o.x(), o.at(), o.tail())),
                bfloat16(
                        "vdpbf16ps zmm{x}, zmm{y}, zmm{w}",
                        (a, o) -> a.addProductOfPairs(o.x(), o.y(), o.w())),
                bfloat16(
                        "vdpbf16ps zmm{x}, zmm{y}, dword ptr [{at}]{1to16}",
                        (a, o) -> a.addProductOfBroadcastPairs(o.x(), o.y(), o.at())));
    }

    private static List<InstructionForm> tiles() {
        String at = "[{base} + {s}{displacement}]";
        return List.of(
                tiles("ldtilecfg " + CONSTANT, (t, o) -> t.configure()),
                tiles("tilerelease", (t, o) -> t.release()),
                tiles("tilezero tmm{x}", (t, o) -> t.zero(tile(o.x()))),
                tiles("tileloadd tmm{x}, " + at, (t, o) -> t.load(tile(o.x()), tileAt(o))),
                tiles("tileloaddt1 tmm{x}, " + at, (t, o) -> t.loadOnce(tile(o.x()), tileAt(o))),
                tiles("tilestored " + at + ", tmm{x}", (t, o) -> t.store(tile(o.x()), tileAt(o))),
                tiles(
                        "tdpbf16ps tmm{x}, tmm{y}, tmm{w}",
                        (t, o) -> t.addProduct(tile(o.x()), tile(o.y()), tile(o.w()))));
    }

    private static InstructionForm tiles(
            String text, BiConsumer<TileInstructions, Operands> write) {
        return new InstructionForm(
                AVX512_BF16,
                TileRegister.COUNT,
                text,
                (a, o) -> write.accept(new TileInstructions((Avx512Assembler) a), o));
    }

    private static TileRegister tile(Vector v) {
        return TileRegister.tile(v.number());
    }

    private static TileAddress tileAt(Operands o) {
        return new TileAddress(o.at(), o.s());
    }

    private static InstructionForm form(
            InstructionSet set, String text, BiConsumer<Assembler, Operands> write) {
        return new InstructionForm(set, set.registers(), text, write);
    }

    /**
     * @param v what V stands for in the text
     */
    private static InstructionForm form(
            InstructionSet set, String v, String text, BiConsumer<Assembler, Operands> write) {
        return form(set, text.replace("V", v), write);
    }

    private static InstructionForm general(String text, BiConsumer<Assembler, Operands> write) {
        return form(AVX2, text, write);
    }

    private static InstructionForm avx2(String text, BiConsumer<Assembler, Operands> write) {
        return form(AVX2, text, write);
    }

    private static InstructionForm avx512(
            String text, BiConsumer<Avx512Assembler, Operands> write) {
        return form(
                AVX512,
                text,
                write == null ? null : (a, o) -> write.accept((Avx512Assembler) a, o));
    }

    private static InstructionForm bfloat16(
            String text, BiConsumer<Avx512Assembler, Operands> write) {
        return form(AVX512_BF16, text, (a, o) -> write.accept((Avx512Assembler) a, o));
    }

    /** The code, without constants behind it. */
    byte[] bytes(Operands operands) {
        Assembler a = set.assembler();
        write.accept(a, operands);
        return Arrays.copyOf(a.bytes(), a.code.size());
    }

    /** The text of an instruction, whatever the distance to its constant is. */
    static String text(Disassembler.Instruction instruction) {
        return instruction.text().replaceAll("\\[rip \\+ \\d+\\]", CONSTANT);
    }

    /** Whether an instruction is one of a set, in an encoding of that set. */
    public static boolean belongs(Disassembler.Instruction instruction, InstructionSet to) {
        String text = text(instruction);
        return (!instruction.evex() || to.includes(AVX512))
                && SINGLE.getOrDefault(mnemonic(text), List.of()).stream()
                        .filter(single -> to.includes(single.set))
                        .anyMatch(single -> single.pattern.matcher(text).matches());
    }

    @Override
    public String toString() {
        return set + " " + text;
    }
}
