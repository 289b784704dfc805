package org.densenet4j.backend.cpu.jit;

import static org.densenet4j.backend.cpu.asm.InstructionSet.AVX512_BF16;
import static org.densenet4j.backend.cpu.jit.Storage.BFLOAT16;
import static org.densenet4j.backend.cpu.jit.Words.BFLOAT16_PAIRS;
import static org.densenet4j.backend.cpu.jit.Words.FLOATS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.densenet4j.backend.cpu.asm.Disassembler;
import org.densenet4j.backend.cpu.asm.InstructionForm;
import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.asm.MachineCode;
import org.densenet4j.backend.cpu.jit.TripletTilesKernel.Side;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.BiFunction;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Whole kernels as LLVM's disassembler reads them: nothing but instructions of the set that a
 * processor was asked for, jumps that arrive at instructions, constants that are there, and a
 * caller that gets its registers back. Kernels are written for every set, not only for those that
 * run here; one more is one line in {@link #kernels}.
 */
class KernelInstructionsTest {
    private static final Pattern JUMP = Pattern.compile("j\\w+ (-?\\d+)");
    private static final Pattern CONSTANT = Pattern.compile(".*\\[rip \\+ (\\d+)\\].*");

    /** What a function of System V gives back as it was, the stack pointer apart. */
    private static final Set<String> KEPT = Set.of("rbx", "rbp", "r12", "r13", "r14", "r15");

    /** A kernel with the set that it may use. */
    record Subject(InstructionSet set, String name, Supplier<Kernel> compile) {
        @Override
        public String toString() {
            return set + " " + name;
        }
    }

    private static <F> Subject kernel(
            InstructionSet set, BiFunction<InstructionSet, F, Kernel> compile, F form) {
        Class<?> kernel = form.getClass().getDeclaringClass();
        // A form of several kernels is declared by none of them.
        String name = kernel == null ? form.toString() : kernel.getSimpleName() + " " + form;
        return new Subject(set, name, () -> compile.apply(set, form));
    }

    static Stream<Subject> kernels() {
        List<Subject> all = new ArrayList<>();
        for (InstructionSet set : InstructionSet.values()) {
            for (boolean flag : new boolean[] {false, true}) {
                int columns = flag ? 93 : 32;
                for (Storage storage : Storage.values()) {
                    all.addAll(passes(set, storage, columns, flag));
                    all.addAll(products(set, storage, FLOATS, columns, flag));
                }
                all.addAll(weights(set, columns, flag));
                if (set.includes(AVX512_BF16)) {
                    all.addAll(products(set, BFLOAT16, BFLOAT16_PAIRS, columns, flag));
                    all.addAll(tiles(set, columns));
                }
            }
        }
        return all.stream();
    }

    /**
     * @param f for what a kernel may do or leave
     */
    private static List<Subject> passes(InstructionSet set, Storage s, int c, boolean f) {
        long x = 300L * s.bytes();
        long out = (long) c * s.bytes();
        long sums = (long) c * Float.BYTES;
        return List.of(
                kernel(
                        set,
                        NormaliseReluAveragePoolKernel::new,
                        new NormaliseReluAveragePoolKernel.Form(s, 2, 5, 6, c, x, out, sums)),
                kernel(
                        set,
                        AccumulateGradientAveragePoolKernel::new,
                        new AccumulateGradientAveragePoolKernel.Form(
                                s, 2, 5, 6, c, f, out, x, x, sums, sums)),
                kernel(
                        set,
                        NormaliseReluGlobalPoolKernel::new,
                        new NormaliseReluGlobalPoolKernel.Form(s, s, 2, 7, c, x, out, sums)),
                kernel(
                        set,
                        AccumulateGradientGlobalPoolKernel::new,
                        new AccumulateGradientGlobalPoolKernel.Form(
                                s, s, 2, 7, c, f, out, x, x, sums, sums)),
                kernel(
                        set,
                        NormaliseReluMaxPoolKernel::new,
                        new NormaliseReluMaxPoolKernel.Form(s, 2, 7, 6, c, f, x, x, out, sums)),
                kernel(
                        set,
                        AppendFeaturesKernel::new,
                        new AppendFeaturesKernel.Form(s, 37, c, out, f, x, sums)),
                kernel(set, AddKernel::new, new AddKernel.Form(s, 37, c, x, out)),
                kernel(
                        set,
                        AffineRowsKernel::new,
                        new AffineRowsKernel.Form(s, 37, c, x, out, f, !f)),
                kernel(
                        set,
                        ApplyCorrectionKernel::new,
                        new ApplyCorrectionKernel.Form(s, 37, c, x, x, sums, out)),
                kernel(
                        set,
                        GroupedPointwiseForwardKernel::new,
                        new GroupedPointwiseForwardKernel.Form(
                                s, 37, c, 4, 11, f ? 8 : 44, x, 4 * out)),
                kernel(
                        set,
                        MaskReluKernel::new,
                        new MaskReluKernel.Form(s, 37, c, out, x, sums, sums)),
                kernel(
                        set,
                        (i, form) ->
                                new GeluKernel(i, form, new GeluKernel.Approximation(1, 1, 2, 3)),
                        new GeluKernel.Form(s, 5, c, f, x, x, out)),
                kernel(
                        set,
                        LayerNormKernel::new,
                        new LayerNormKernel.Form(s, 5, c, 1e-6f, x, 8, out)),
                kernel(
                        set,
                        LayerNormGradientKernel::new,
                        new LayerNormGradientKernel.Form(s, 5, c, x, x, 8, sums, out)),
                kernel(
                        set,
                        DepthwiseKernel::new,
                        new DepthwiseKernel.Form(s, 2, 9, 29, 7, c, f, !f, !f, x, sums, out)),
                kernel(
                        set,
                        DepthwiseWeightGradientKernel::new,
                        new DepthwiseWeightGradientKernel.Form(s, 2, 9, 29, 7, c, x, out, sums)),
                kernel(
                        set,
                        ScaleImagesKernel::new,
                        new ScaleImagesKernel.Form(s, 2, 9, c, f, !f, x, sums, 4, sums, out)),
                kernel(
                        set,
                        ImageProductsKernel::new,
                        new ImageProductsKernel.Form(s, 2, 9, c, x, out, sums)),
                kernel(
                        set,
                        PadImageKernel::new,
                        new PadImageKernel.Form(s, 5, c, f ? 3 : 0, f ? 9 : 0)),
                kernel(set, StemForwardKernel::new, new StemForm(s, 3, c, 7, 2, 4, 29, 512, out)),
                kernel(
                        set,
                        StemWeightGradientKernel::new,
                        new StemForm(s, 3, c, 7, 2, 4, 29, 512, out)),
                kernel(
                        set,
                        WinogradOutputKernel::new,
                        new WinogradOutputKernel.Form(s, 11, c, x, 3, 1 << 16)));
    }

    private static List<Subject> products(
            InstructionSet set, Storage s, Words w, int c, boolean f) {
        long x = 300L * s.bytes();
        long z = 48L * s.bytes();
        long row = (long) c * Float.BYTES;
        int m = 1 << 16;
        return List.of(
                kernel(
                        set,
                        PointwiseForwardKernel::new,
                        new PointwiseForwardKernel.Form(s, w, 37, c, 44, x, z)),
                kernel(
                        set,
                        PointwiseBackwardKernel::new,
                        new PointwiseBackwardKernel.Form(s, w, 37, c, 44, x, z, z, x)),
                kernel(set, RowPanelKernel::new, new RowPanelKernel.Form(s, w, 48, c, row)),
                kernel(set, ColumnPanelKernel::new, new ColumnPanelKernel.Form(s, w, 29, 37, row)),
                kernel(
                        set,
                        WinogradSourceKernel::new,
                        new WinogradSourceKernel.Form(s, 11, c, x, !f, f, 1, 5, w, m)),
                kernel(
                        set,
                        MatrixProductKernel::new,
                        new MatrixProductKernel.Form(w, 36, 13, c, 44, row, 4, z, z, m, m, m, f)));
    }

    private static List<Subject> tiles(InstructionSet set, int c) {
        return List.of(
                kernel(
                        set,
                        TiledPointwiseForwardKernel::new,
                        new TiledPointwiseForwardKernel.Form(37, c, 44, 600, 96)),
                kernel(
                        set,
                        TripletTilesKernel::new,
                        new TripletTilesKernel.Form(37, c, 600, true, Side.LEFT)),
                kernel(
                        set,
                        TripletTilesKernel::new,
                        new TripletTilesKernel.Form(37, c, 600, true, Side.RIGHT)),
                kernel(
                        set,
                        TripletTilesKernel::new,
                        new TripletTilesKernel.Form(37, c, 600, false, Side.LEFT)),
                kernel(
                        set,
                        TripletTilesKernel::new,
                        TripletTilesKernel.Form.normalised(37, c, 600)),
                kernel(
                        set,
                        TripletTilesKernel::new,
                        new TripletTilesKernel.Form(37, c, 600, false, Side.RIGHT)),
                kernel(
                        set,
                        TripletProductKernel::new,
                        new TripletProductKernel.Form(77, 100, c, 600, false)),
                kernel(
                        set,
                        TripletProductKernel::new,
                        new TripletProductKernel.Form(77, 100, c, 600, true)),
                kernel(
                        set,
                        TiledPointwiseBackwardKernel::new,
                        new TiledPointwiseBackwardKernel.Form(237, c, 44, 600, 96, 96, 600)),
                kernel(
                        set,
                        TiledProductKernel::new,
                        TiledProductKernel.Form.of(77, c, 50, 600, 128, BFLOAT16, false)),
                kernel(
                        set,
                        TiledProductKernel::new,
                        new TiledProductKernel.Form(
                                77,
                                64,
                                50,
                                600,
                                200,
                                Storage.FLOAT32,
                                true,
                                4096,
                                List.of(0L, 1200L),
                                true)),
                kernel(
                        set,
                        RowPanelKernel::new,
                        new RowPanelKernel.Form(BFLOAT16, BFLOAT16_PAIRS, 16, c, 600)),
                kernel(set, AddKernel::new, new AddKernel.Form(Storage.FLOAT32, 7, 25, 128, 100)),
                kernel(set, PixelRowsKernel::new, new PixelRowsKernel.Form(7, c, 600, 192, true)),
                kernel(set, PixelRowsKernel::new, new PixelRowsKernel.Form(9, c, 600, 192, false)),
                kernel(
                        set,
                        TransposedRowsKernel::new,
                        new TransposedRowsKernel.Form(77, c, 600, 192)));
    }

    private static List<Subject> weights(InstructionSet set, int c, boolean turned) {
        int m = 1 << 16;
        return List.of(
                kernel(set, SgdNesterovKernel::new, new SgdNesterovKernel.Form(10 * c, turned)),
                kernel(set, AdamKernel::new, new AdamKernel.Form(10 * c, turned)),
                kernel(
                        set,
                        WinogradWeightKernel::new,
                        new WinogradWeightKernel.Form(5, c, turned, 36L * c, 36, m)),
                kernel(
                        set,
                        WinogradWeightGradientKernel::new,
                        new WinogradWeightGradientKernel.Form(5, c, 3, 36L * m, m)));
    }

    @ParameterizedTest
    @MethodSource("kernels")
    void aKernelIsWhatItClaims(Subject subject) {
        assumeTrue(MachineCode.allowed(), "memory cannot be made executable here");
        byte[] bytes;
        try (Kernel kernel = subject.compile.get()) {
            bytes = kernel.bytes();
        }
        List<Disassembler.Instruction> function = function(bytes);
        assertEquals(
                List.of(),
                function.stream().filter(i -> !InstructionForm.belongs(i, subject.set)).toList());
        jumpsArrive(function);
        constantsFillTheRest(function, bytes, subject.set.vectorBytes());
        callersGetTheirRegistersBack(function);
    }

    /** Instructions up to a return that no jump goes beyond. */
    private static List<Disassembler.Instruction> function(byte[] code) {
        List<Disassembler.Instruction> read = new ArrayList<>();
        int reached = 0;
        while (true) {
            Disassembler.Instruction next =
                    Disassembler.at(code, read.isEmpty() ? 0 : read.getLast().end());
            read.add(next);
            reached = Math.max(reached, target(next));
            if (next.text().equals("ret") && reached < next.end()) {
                return read;
            }
        }
    }

    /** Where a jump goes to; 0 for other instructions. */
    private static int target(Disassembler.Instruction i) {
        Matcher jump = JUMP.matcher(i.text());
        return jump.matches() ? i.end() + Integer.parseInt(jump.group(1)) : 0;
    }

    private static void jumpsArrive(List<Disassembler.Instruction> function) {
        Set<Integer> begins =
                function.stream().map(Disassembler.Instruction::offset).collect(Collectors.toSet());
        for (Disassembler.Instruction i : function) {
            assertTrue(begins.contains(target(i)), i.toString());
        }
    }

    /** Zeros up to a vector's boundary, then vectors, each of which is read. */
    private static void constantsFillTheRest(
            List<Disassembler.Instruction> function, byte[] bytes, int vector) {
        Set<Integer> read = new TreeSet<>();
        for (Disassembler.Instruction i : function) {
            Matcher constant = CONSTANT.matcher(i.text());
            if (constant.matches()) {
                int at = i.end() + Integer.parseInt(constant.group(1));
                read.add(at);
            }
        }
        int end = function.getLast().end();
        Set<Integer> vectors = new TreeSet<>();
        if (end < bytes.length) {
            int first = Math.ceilDiv(end, vector) * vector;
            assertEquals(
                    -1,
                    Arrays.mismatch(Arrays.copyOfRange(bytes, end, first), new byte[first - end]));
            for (int at = first; at < bytes.length; at += vector) {
                vectors.add(at);
            }
            assertEquals(0, bytes.length % vector);
        }
        assertEquals(vectors, read);
    }

    private static void callersGetTheirRegistersBack(List<Disassembler.Instruction> function) {
        Deque<String> pushed = new ArrayDeque<>();
        String before = "";
        for (Disassembler.Instruction i : function) {
            String text = i.text();
            if (text.startsWith("push ")) {
                pushed.push(text.substring("push ".length()));
            } else if (text.startsWith("pop ")) {
                assertEquals(pushed.poll(), text.substring("pop ".length()), i.toString());
            } else if (text.equals("ret")) {
                assertEquals("vzeroupper", before, i.toString());
                assertTrue(pushed.isEmpty(), () -> "still pushed: " + pushed);
            } else {
                assertFalse(text.contains("rsp"), i.toString());
                for (String register : KEPT) {
                    assertTrue(!text.contains(register) || pushed.contains(register), i.toString());
                }
            }
            before = text;
        }
    }
}
