package org.densenet4j.standin;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.cuda.ChildJvm;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.train.Trainer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Other sets of libraries, and libraries that refuse: the same training, or one clear line. */
class LibraryVariantsTest {
    private static final String NETWORK = "bc-10-4";
    private static final int SIDE = 16;
    private static final int IMAGES = 7;
    private static final int STEPS = 4;
    private static final double TOLERANCE = 1e-4;

    /** Chunks of several images, of which the last is smaller. */
    private static final String SMALL_CACHE = "1600000";

    private static List<Double> expected;
    @TempDir private Path folder;

    private static synchronized List<Double> expected() {
        if (expected == null) {
            DenseNetSpec spec = TrainingRun.spec(NETWORK, SIDE);
            try (Device cpu = Device.cpu();
                    Trainer trainer = TrainingRun.open(spec, cpu, IMAGES)) {
                expected = TrainingRun.losses(trainer, spec, IMAGES, STEPS);
            }
        }
        return expected;
    }

    @Test
    void cublasOfCuda12And13() throws IOException {
        assertEquals("cuBLAS-12.0.0", assertTrains(Map.of("cublas", "12")).get("products"));
        assertEquals("cuBLAS-13.0.0", assertTrains(Map.of("cublas", "13")).get("products"));
    }

    @Test
    void tensorFloat32RoundsInEveryLibrary() throws IOException {
        for (String cublas : List.of("12", "13", "none")) {
            Map<String, String> lines = train(Map.of("cublas", cublas), "cuda", "tf32");
            assertEquals("tf32", lines.get("math"), lines.toString());
            double difference = Math.abs(losses(lines).getFirst() / expected().getFirst() - 1);
            assertTrue(difference > 1e-9 && difference < 1e-2, lines.toString());
        }
    }

    @Test
    void withoutCublasOurOwnKernelMultiplies() throws IOException {
        assertEquals("own-kernel", assertTrains(Map.of("cublas", "none")).get("products"));
    }

    @Test
    void aDriverThatDoesNotRecordIsSaidToAndStepsRunPlain() throws IOException {
        assertEquals(
                "failed:beginning:CUDA_ERROR_NOT_SUPPORTED",
                assertTrains(Map.of("STANDIN_NO_CAPTURE", "1")).get("recording"));
        assertEquals(
                "failed:instantiating:CUDA_ERROR_OUT_OF_MEMORY",
                assertTrains(Map.of("STANDIN_NO_INSTANTIATE", "1")).get("recording"));
        assertEquals("replayed", assertTrains(Map.of()).get("recording"));
    }

    @Test
    void algorithmsWithTwoMathTypesGetTheWorkspaceOfTheOneThatRuns() throws IOException {
        assertTrains(
                Map.of(
                        "cublas", "none",
                        "STANDIN_L2", SMALL_CACHE,
                        "STANDIN_CUDNN_WORKSPACE", "40",
                        "STANDIN_CUDNN_MIXED_MATH", "1"));
    }

    @Test
    void aLastChunkWhoseAlgorithmNeedsMoreWorkspace() throws IOException {
        assertTrains(
                Map.of(
                        "cublas", "none",
                        "STANDIN_L2", SMALL_CACHE,
                        "STANDIN_CUDNN_WORKSPACE", "60",
                        "STANDIN_CUDNN_ODD", "1"));
    }

    @Test
    void algorithmsThatCudnnOffersAndRefusesGiveWayToOthers() throws IOException {
        assertTrains(Map.of("STANDIN_CUDNN_UNSUPPORTED", "1"));
        for (String pass : List.of("Forward", "BackwardData", "BackwardFilter")) {
            // Not supported, and an execution that failed while the device is well.
            for (String status : List.of("3000", "5003")) {
                assertTrains(
                        Map.of(
                                "STANDIN_FAIL_FUNCTION",
                                "cudnnConvolution" + pass,
                                "STANDIN_FAIL_STATUS",
                                status));
            }
        }
    }

    @Test
    void ourOwnConvolutionStepsInWhereCudnnOffersNone() throws IOException {
        assertEquals(
                "cuDNN-9.5.1+own-kernel",
                assertTrains(Map.of("STANDIN_CUDNN_NONE", "3")).get("convolutions"));
        assertEquals("cuDNN-9.5.1", assertTrains(Map.of()).get("convolutions"));
    }

    @Test
    void kernelsComeFromTheJarOrFromTheRunTimeCompiler() throws IOException {
        Path none = Files.createDirectories(folder.resolve("none/cuda-kernels"));
        // A jar without PTX and a machine without a compiler.
        boolean hasPtx =
                LibraryVariantsTest.class.getResource("/cuda-kernels/kernels_75.ptx") != null;
        Map<String, String> lines = train(Map.of("nvrtc", "none"), "cuda", "fp32");
        if (hasPtx) {
            assertClose(lines);
        } else {
            assertTrue(lines.get("problem").contains("no NVRTC"), lines.toString());
        }
        // What the run-time compiler writes serves as the PTX of a jar.
        assertTrains(Map.of());
        Path cache = Path.of(StandIn.environment(Map.of()).get("DENSENET4J_CACHE"));
        if (!hasPtx) {
            try (var files = Files.list(cache.resolve("kernels"))) {
                Path ptx =
                        files.filter(f -> f.toString().endsWith(".ptx")).findFirst().orElseThrow();
                Files.copy(ptx, none.resolve("kernels_75.ptx"));
            }
            Map<String, String> fromJar =
                    train(Map.of("nvrtc", "none"), "cuda", "fp32", none.getParent());
            assertClose(fromJar);
        }
    }

    @Test
    void aDeviceThatIsTooOldOrDoesNotStartGivesWayToTheCpu() throws IOException {
        for (Map<String, String> options :
                List.of(
                        Map.of("STANDIN_MAJOR", "6"),
                        Map.of("STANDIN_DRIVER", "11040"),
                        Map.of("STANDIN_DEVICES", "0"),
                        Map.of("STANDIN_INIT", "100"),
                        Map.of("STANDIN_INIT", "999"),
                        Map.of("STANDIN_CUDNN_CUDA", "14000"))) {
            Map<String, String> best = train(options, "best", "fp32");
            assertTrue(best.get("description").startsWith("cpu"), options + ": " + best);
            Map<String, String> cuda = train(options, "cuda", "fp32");
            assertTrue(cuda.containsKey("problem"), options + ": " + cuda);
            assertEquals(1, cuda.size(), options + ": " + cuda);
        }
    }

    /** Whichever call meets it first: one of the driver, of cuBLAS or of cuDNN. */
    @Test
    void aKernelThatEndsIllegallyIsReported() throws IOException {
        for (int launch = 57; launch <= 63; launch++) {
            Map<String, String> lines =
                    train(Map.of("STANDIN_FAIL_LAUNCH", "" + launch), "cuda", "fp32");
            assertTrue(
                    lines.get("problem").contains("CUDA_ERROR_ILLEGAL_ADDRESS"),
                    launch + ": " + lines);
        }
    }

    @Test
    void aLargeNetworkTakesStepsThatAreOnlyCounted() throws IOException {
        ChildJvm child =
                child(
                        Map.of("STANDIN_DRY", "1"),
                        null,
                        1024,
                        "cuda",
                        "densenet121",
                        "0",
                        "256",
                        "3",
                        "fp32");
        Map<String, String> lines = lines(child);
        assertEquals("[0.0, 0.0, 0.0]", lines.get("losses"), child.out() + child.err());
        assertEquals("replayed", lines.get("recording"));
    }

    private Map<String, String> assertTrains(Map<String, String> options) throws IOException {
        Map<String, String> lines = train(options, "cuda", "fp32");
        assertClose(lines);
        return lines;
    }

    private static void assertClose(Map<String, String> lines) {
        assertTrue(lines.containsKey("losses"), lines.toString());
        List<Double> losses = losses(lines);
        for (int step = 0; step < STEPS; step++) {
            double loss = expected().get(step);
            assertEquals(loss, losses.get(step), TOLERANCE * loss, lines.toString());
        }
    }

    private static List<Double> losses(Map<String, String> lines) {
        String text = lines.get("losses");
        return List.of(text.substring(1, text.length() - 1).split(", ")).stream()
                .map(Double::valueOf)
                .toList();
    }

    private Map<String, String> train(
            Map<String, String> options, String device, String math, Path... classes)
            throws IOException {
        ChildJvm child =
                child(
                        options,
                        classes.length > 0 ? classes[0] : null,
                        512,
                        device,
                        NETWORK,
                        String.valueOf(SIDE),
                        String.valueOf(IMAGES),
                        String.valueOf(STEPS),
                        math);
        return lines(child);
    }

    private ChildJvm child(
            Map<String, String> options, Path classes, int heapMegabytes, String... arguments)
            throws IOException {
        Map<String, String> all = new HashMap<>(options);
        all.put("STANDIN_STATS", "1");
        ChildJvm child =
                ChildJvm.run(
                        folder,
                        ChildJvm.Settings.of(StandIn.environment(all))
                                .withClasses(classes)
                                .withLimits(heapMegabytes, 120),
                        TrainingRun.class.getName(),
                        arguments);
        assertEquals(0, child.exitCode(), child.out() + child.err());
        assertTrue(!child.err().contains("VIOLATION"), child.err());
        return child;
    }

    /** First word of each line and the rest of it. */
    private static Map<String, String> lines(ChildJvm child) {
        Map<String, String> lines = new HashMap<>();
        for (String line : child.out().lines().toList()) {
            int blank = line.indexOf(' ');
            lines.put(line.substring(0, blank), line.substring(blank + 1));
        }
        if (!lines.containsKey("problem") && lines.get("description").startsWith("cuda")) {
            boolean clean = child.err().endsWith("at exit: 0 violations; live: \n");
            assertTrue(clean, child.err());
        }
        return lines;
    }
}
