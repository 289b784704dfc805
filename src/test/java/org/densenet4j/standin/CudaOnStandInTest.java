package org.densenet4j.standin;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The tests of a real GPU, on the stand-in: with work done at once, late, and in odd orders. */
class CudaOnStandInTest {
    private static final String CONTRACT = "org.densenet4j.contract.CudaContractTest";
    private static final String BFLOAT16_CONTRACT =
            "org.densenet4j.contract.CudaBFloat16ContractTest";
    private static final String APPENDED = "nested-AppendedConvolutionsOfTheBackend";
    private static final String STRATEGIES = "org.densenet4j.engine.CudaStrategiesTest";
    private static final String STAGING = "org.densenet4j.hardware.StagingOnDeviceTest";
    private static final String LIFECYCLE = "org.densenet4j.hardware.LifecycleOnDeviceTest";
    private static final String TRAINING = "org.densenet4j.hardware.TrainingOnDeviceTest";

    private static final String RANKS = "org.densenet4j.hardware.NcclOnDeviceTest";

    @TempDir private Path folder;

    @Test
    void theContractHolds() throws IOException {
        // Rows of floats are appended by cuDNN: no fused kernel multiplies them unrounded.
        assertClean(Map.of("STANDIN_ORDER", "lazy"), 60, List.of(APPENDED), CONTRACT);
    }

    /** By cuBLAS through JCuda, by its C functions, and by our own kernels alone, as on Turing. */
    @ParameterizedTest
    @CsvSource({"12, 9, 0, true", "13, 9, 0, true", "12, 7, 5, false"})
    void theContractHoldsInBFloat16(String cublas, String major, String minor, boolean fused)
            throws IOException {
        Map<String, String> options =
                Map.of("cublas", cublas, "STANDIN_MAJOR", major, "STANDIN_MINOR", minor);
        List<String> skipped = fused ? List.of() : List.of(APPENDED);
        assertClean(options, 60, skipped, BFLOAT16_CONTRACT);
    }

    private void assertClean(Map<String, String> options, int leastTests, String... classes)
            throws IOException {
        assertClean(options, leastTests, List.of(), classes);
    }

    /**
     * @param skipped ends of the names of what has to be skipped, for want of a fused kernel
     */
    private void assertClean(
            Map<String, String> options, int leastTests, List<String> skipped, String... classes)
            throws IOException {
        Map<String, String> all = new HashMap<>(options);
        all.put("STANDIN_STATS", "1");
        ChildTests tests = ChildTests.run(folder, all, classes);
        assertEquals("", tests.failures(), tests.err());
        List<String> names =
                tests.skipped().lines().filter(line -> line.startsWith("skipped ")).toList();
        assertEquals(skipped.size(), names.size(), tests.skipped());
        for (int i = 0; i < names.size(); i++) {
            assertTrue(names.get(i).endsWith(skipped.get(i)), names.get(i));
        }
        assertTrue(tests.passed() >= leastTests, tests.passed() + " tests passed");
        assertTrue(!tests.err().contains("VIOLATION"), tests.err());
        assertTrue(tests.err().endsWith("standin: at exit: 0 violations; live: \n"), tests.err());
    }

    @Test
    void everyStrategyTrains() throws IOException {
        assertClean(Map.of("STANDIN_ORDER", "random"), 5, STRATEGIES);
    }

    @Test
    void stepsAgreeWithTheCpuAndWithLibtorch() throws IOException {
        assertClean(Map.of("cublas", "13"), 5, TRAINING);
    }

    @Test
    void oneRankOfNcclTakesTheSameSteps() throws IOException {
        assertClean(Map.of("STANDIN_ORDER", "random"), 2, RANKS);
        assertClean(Map.of("STANDIN_ORDER", "late"), 2, RANKS);
    }

    @ParameterizedTest
    @ValueSource(strings = {"eager", "lazy", "copies", "late", "random"})
    void devicesAndCopiesKeepOrderWheneverWorkIsDone(String order) throws IOException {
        assertClean(Map.of("STANDIN_ORDER", order, "STANDIN_DEVICES", "2"), 13, STAGING, LIFECYCLE);
    }
}
