package org.densenet4j.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import org.densenet4j.backend.Matrix;
import org.junit.jupiter.api.Test;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

class SmallOperationsTest {
    private static final String SOURCE = "small_operations.cu";

    /** More elements than one block sees to. */
    private static final int MANY = 4096;

    private final List<String> launches = new ArrayList<>();
    private final GatheredLaunch gathered = new GatheredLaunch();
    private final SmallOperations small = new SmallOperations(this::note, gathered, true);
    private final CudaKernels kernels = new CudaKernels(this::note, small, 0, 1 << 20, 6);

    private final Matrix statistics = Matrix.dense(0, 3, 8);
    private final Matrix affine = Matrix.dense(256, 2, 8);
    private final Matrix vector = Matrix.vector(512, 8);
    private final Matrix many = Matrix.vector(1024, MANY);
    private final Matrix others = Matrix.vector(1024 + 4 * MANY, MANY);

    private void note(String kernel, Grid grid, Traffic traffic, Object... arguments) {
        launches.add(arguments[0] instanceof SmallOperationList list ? list.toString() : kernel);
    }

    private void assertLaunches(String... expected) {
        gathered.launch();
        assertEquals(List.of(expected), launches);
    }

    @Test
    void whatIsDoneToVectorsWaitsAndRunsInOneLaunch() {
        kernels.foldNormalisation(statistics, vector, vector, affine);
        kernels.gradientWeight(statistics, vector, vector);
        kernels.fill(affine, 0);
        assertEquals(List.of(), launches);
        assertLaunches("fold_normalisation, gradient_weight, fill_floats");
    }

    @Test
    void elementsThatNothingElseTouchesHaveTheirBlocksBesideTheChain() {
        kernels.fill(many, 0);
        kernels.foldNormalisation(statistics, vector, vector, affine);
        kernels.copy(vector, others.columns(0, 8));
        assertLaunches("fill_floats, fold_normalisation, copy_floats");
    }

    @Test
    void elementsThatAreReadAfterwardsAreWrittenByALaunchBefore() {
        kernels.fill(many, 0);
        kernels.copy(many, others);
        assertLaunches("fill_floats", "copy_floats");
    }

    @Test
    void elementsThatAreReadBeforehandAreWrittenByALaunchBehind() {
        kernels.copy(many.columns(100, 8), vector);
        kernels.fill(many, 0);
        assertLaunches("copy_floats", "fill_floats");
    }

    @Test
    void whatDoesNotFitTheListIsLaunchedNext() {
        int of = SmallOperationList.WORDS / 9;
        for (int i = 0; i < of + 5; i++) {
            kernels.foldNormalisation(statistics, vector, vector, affine);
        }
        gathered.launch();
        assertEquals(2, launches.size());
    }

    @Test
    void operationsOfAnotherArenaFollowThoseOfTheFirst() {
        SmallOperations second = new SmallOperations(this::note, gathered, true);
        CudaKernels ofSecond = new CudaKernels(this::note, second, 1 << 21, 0, 6);
        kernels.fill(vector, 0);
        ofSecond.gradientWeight(statistics, vector, vector);
        kernels.fill(vector, 1);
        assertLaunches("fill_floats", "gradient_weight", "fill_floats");
    }

    @Test
    void withoutChannelsOrElementsNothingIsLaunched() {
        kernels.fill(Matrix.vector(0, 0), 0);
        kernels.gradientWeight(statistics.columns(0, 0), vector.columns(0, 0), vector);
        assertLaunches();
    }

    @Test
    void whatHasFailedIsForgotten() {
        kernels.fill(vector, 0);
        gathered.forget();
        assertLaunches();
    }

    @Test
    void aClosedArenaLaunchesWhatWaitsAndTakesNothingMore() {
        kernels.fill(vector, 0);
        small.close();
        assertEquals(List.of("fill_floats"), launches);
        assertThrows(IllegalStateException.class, () -> kernels.fill(vector, 0));
        small.close();
    }

    @Test
    void manyTilesAreCombinedByManyBlocks() {
        kernels.combineSums(Matrix.dense(0, 2 * 128, 256), affine);
        kernels.combineSums(Matrix.dense(0, 2 * 129, 256), affine);
        assertEquals(List.of("combine_sums"), launches);
        assertLaunches("combine_sums", "combine_sums");
    }

    @Test
    void theSourceHasTheSameOperationsAndLimits() {
        String source = KernelSource.resource(SOURCE).orElseThrow();
        Matcher listed = Pattern.compile("enum SmallOperation \\{([^}]*)}").matcher(source);
        assertTrue(listed.find());
        List<String> names = Arrays.stream(listed.group(1).split(",")).map(String::strip).toList();
        List<String> expected = Arrays.stream(SmallOperation.values()).map(Enum::name).toList();
        assertEquals(expected, names.stream().filter(name -> !name.isEmpty()).toList());
        assertTrue(source.contains("_WORDS = " + SmallOperationList.WORDS + ";"));
        assertTrue(source.contains("_threads = " + SmallOperations.MOST_THREADS + ";"));
    }

    /** A load past the cache that stores go through would miss what an earlier operation wrote. */
    @Test
    void compiledOperationsLoadNothingAsUnchanging() {
        Optional<String> ptx = KernelImage.prebuilt("kernels", 90, KernelSource::resource);
        assumeTrue(ptx.isPresent(), "nvcc has not compiled the kernels here");
        String compiled = ptx.orElseThrow();
        int from = compiled.indexOf(".entry small_operations(");
        int to = compiled.indexOf(".entry ", from + 1);
        String kernel = compiled.substring(from, to < 0 ? compiled.length() : to);
        assertTrue(kernel.contains("ld.global"));
        assertFalse(kernel.contains("ld.global.nc"));
    }

    /**
     * Random operations on vectors of one small piece of memory, so that many touch what others
     * write, leave the same bits whether they are gathered or launched one by one.
     */
    @Test
    void gatheredOperationsLeaveTheSameBitsAsSingleOnes() {
        for (int seed = 0; seed < 40; seed++) {
            List<String> single = new ArrayList<>();
            List<String> together = new ArrayList<>();
            byte[] expected = run(seed, false, single);
            assertArrayEquals(expected, run(seed, true, together), "seed " + seed);
            assertTrue(together.size() < single.size(), "seed " + seed);
        }
    }

    private static byte[] run(int seed, boolean gathers, List<String> launches) {
        Emulation emulation = Emulation.open();
        KernelLauncher counted =
                (kernel, grid, traffic, arguments) -> {
                    launches.add(kernel);
                    emulation.launch(kernel, grid, traffic, arguments);
                };
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment memory = arena.allocate(RandomOperations.BYTES, 256);
            SplittableRandom random = new SplittableRandom(seed);
            for (long at = 0; at < RandomOperations.BYTES; at += 4) {
                memory.set(JAVA_FLOAT, at, (float) (0.5 + random.nextDouble()));
            }
            GatheredLaunch gathered = new GatheredLaunch();
            SmallOperations operations = new SmallOperations(counted, gathered, gathers);
            CudaKernels kernels =
                    new CudaKernels(
                            counted, operations, memory.address(), RandomOperations.BYTES, 6);
            RandomOperations next = new RandomOperations(random);
            for (int i = 0; i < 30; i++) {
                next.run(kernels);
            }
            gathered.launch();
            return memory.toArray(JAVA_BYTE);
        }
    }

    /**
     * Operations on matrices that lie anywhere in a few kilobytes; what one reads is no part of
     * what it writes.
     */
    private static final class RandomOperations {
        static final long BYTES = 64 << 10;

        private final SplittableRandom random;
        private Matrix target = Matrix.vector(0, 1);

        RandomOperations(SplittableRandom random) {
            this.random = random;
        }

        private Matrix anywhere(int rows, int columns) {
            int last = Math.toIntExact(BYTES - 4L * rows * columns) / 32;
            return Matrix.dense(32L * random.nextInt(last), rows, columns);
        }

        private Matrix written(int rows, int columns) {
            target = anywhere(rows, columns);
            return target;
        }

        private Matrix read(int rows, int columns) {
            while (true) {
                Matrix m = anywhere(rows, columns);
                boolean behind = m.offset() >= target.offset() + target.bytes();
                if (behind || m.offset() + m.bytes() <= target.offset()) {
                    return m;
                }
            }
        }

        void run(CudaKernels kernels) {
            int c = random.nextInt(1, 70);
            int elements = random.nextBoolean() ? c : random.nextInt(2049, 5000);
            Matrix vector = written(1, elements);
            switch (random.nextInt(9)) {
                case 0 -> kernels.fill(vector, random.nextInt(1, 4));
                case 1 -> kernels.copy(read(1, elements), vector);
                case 2 -> kernels.add(read(1, elements), vector);
                case 3 -> {
                    Matrix affine = written(2, c);
                    kernels.foldNormalisation(read(3, c), read(1, c), read(1, c), affine);
                }
                case 4 -> {
                    Matrix weight = written(1, c);
                    kernels.gradientWeight(read(3, c), read(1, c), weight);
                }
                case 5 -> {
                    Matrix deferred = written(2, c);
                    kernels.deferSums(read(2, c), read(1, c), true, deferred);
                }
                case 6 -> {
                    Matrix partial = written(2, c);
                    kernels.combineSums(read(6, c), partial);
                }
                case 7 -> {
                    Matrix partial = written(2, c);
                    kernels.combineStatistics(read(6, c), 5, 13, partial);
                }
                default -> {
                    Matrix packed = written(1, c * 7 * 9);
                    kernels.packWeights(read(c, 7 * 9), c, 7, 9, packed);
                }
            }
        }
    }
}
