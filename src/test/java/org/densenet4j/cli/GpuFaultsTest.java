package org.densenet4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.cuda.ChildJvm;
import org.densenet4j.standin.StandIn;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** What a user sees when a GPU does not open, has too little memory or is lost. */
class GpuFaultsTest {
    private static final String[] MEASURE = {
        "measure", "--model", "bc-10-4", "--batch", "8", "--steps", "1"
    };

    @TempDir private Path folder;

    private ChildJvm run(Map<String, String> standIn, String... arguments) throws IOException {
        ChildJvm child =
                ChildJvm.run(folder, StandIn.environment(standIn), Main.class.getName(), arguments);
        assertFalse(child.out().contains("\tat "), child.out());
        assertFalse(child.err().contains("\tat "), child.err());
        assertFalse(child.err().contains("VIOLATION"), child.err());
        return child;
    }

    private static String[] with(String[] arguments, String... more) {
        return Stream.concat(Stream.of(arguments), Stream.of(more)).toArray(String[]::new);
    }

    /** A tiny run on the GPU. */
    private String[] train(Path out, int epochs, String... more) throws IOException {
        List<String> arguments = TinyRun.train(TinyRun.data(folder), out, epochs, more);
        arguments.set(arguments.indexOf("cpu"), "cuda");
        return arguments.toArray(new String[0]);
    }

    private static String error(ChildJvm child) {
        List<String> lines = child.err().lines().filter(l -> l.startsWith("error: ")).toList();
        assertEquals(1, lines.size(), child.err());
        return lines.getFirst();
    }

    /** Where doctor says that the best device is the CPU, the best device is the CPU. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "cuDevicePrimaryCtxRetain | 46  | holds the device in exclusive mode | nvidia-smi -c 0",
                "cuModuleLoadData         | 222 | the driver is too old for these kernels | update",
                "cuModuleLoadData         | 218 | compiler refuses the kernels | update the driver",
                "cuModuleLoadData         | 209 | not made for this device | compute capability 7.5",
                "cuDevicePrimaryCtxRetain | 2   | memory of the device | nvidia-smi lists",
                "cudnnCreate              | 1001 | starting cuDNN | memory may be full (nvidia-smi)",
            })
    void bestFallsBackWithTheReasonAndCudaFailsWithIt(
            String function, int status, String cause, String mend) throws IOException {
        Map<String, String> failing =
                Map.of(
                        "STANDIN_FAIL_FUNCTION",
                        function,
                        "STANDIN_FAIL_STATUS",
                        String.valueOf(status));
        ChildJvm best = run(failing, MEASURE);
        assertEquals(0, best.exitCode(), best.err());
        String note =
                best.err()
                        .lines()
                        .filter(l -> l.contains("running on cpu"))
                        .findFirst()
                        .orElseThrow(() -> new AssertionError(best.err()));
        assertTrue(note.contains(cause) && note.contains(mend), note);

        ChildJvm cuda = run(failing, with(MEASURE, "--device", "cuda"));
        assertEquals(2, cuda.exitCode(), cuda.err());
        assertTrue(error(cuda).contains(cause) && error(cuda).contains(mend), error(cuda));

        ChildJvm doctor = run(failing, "doctor", "--device", "cuda");
        assertEquals(1, doctor.exitCode(), doctor.out());
        assertTrue(doctor.out().contains("best            cpu"), doctor.out());
        assertTrue(doctor.out().contains(cause), doctor.out());
    }

    @Test
    void aDeviceThatIsTooOldIsLeftAlone() throws IOException {
        Map<String, String> old = Map.of("STANDIN_MAJOR", "6", "STANDIN_MINOR", "1");
        ChildJvm best = run(old, MEASURE);
        assertEquals(0, best.exitCode(), best.err());
        String reason = "has compute capability 6.1 and needs 7.5 or newer; use --device cpu";
        assertTrue(best.err().contains(reason), best.err());
        ChildJvm cuda = run(old, with(MEASURE, "--device", "cuda"));
        assertEquals(2, cuda.exitCode(), cuda.err());
        assertTrue(error(cuda).contains(reason), cuda.err());
    }

    @Test
    void aNumberThatThereIsNotIsToldHowDevicesAreCounted() throws IOException {
        Map<String, String> two = new HashMap<>(Map.of("STANDIN_DEVICES", "2"));
        two.put("CUDA_VISIBLE_DEVICES", "GPU-1,GPU-2");
        ChildJvm child = run(two, with(MEASURE, "--device", "cuda:2"));
        assertEquals(2, child.exitCode(), child.err());
        assertEquals(
                "error: there is no CUDA device 2; this process sees 2, counted from 0 among those"
                        + " of CUDA_VISIBLE_DEVICES=GPU-1,GPU-2",
                error(child));
    }

    /** The device's free memory is known before: the plan refuses. */
    @Test
    void aPlanLargerThanTheFreeMemoryNamesTheLargestBatch() throws IOException {
        long reserve = 256L << 20;
        Map<String, String> small =
                Map.of("STANDIN_MEMORY", String.valueOf(reserve + (50L << 20)), "cublas", "none");
        ChildJvm child =
                run(small, "measure", "--device", "cuda", "--model", "bc-10-4", "--batch", "512");
        assertEquals(2, child.exitCode(), child.err());
        assertTrue(
                error(child)
                        .matches(
                                "error: batch 512 with SHARED needs [\\d.]+ MB, cuda:0 has [\\d.]+ MB free; .*the"
                                        + " largest batch that fits with SHARED is [1-9]\\d*"),
                error(child));
    }

    /** The driver refuses although the memory seemed free: another process was faster. */
    @Test
    void anArenaThatIsRefusedNamesTheLargestBatchToo() throws IOException {
        Map<String, String> refusing =
                Map.of("STANDIN_FAIL_FUNCTION", "cuMemAlloc_v2", "STANDIN_FAIL_STATUS", "2");
        for (String command : List.of("measure", "measure --inference", "train")) {
            String[] arguments = (command + " --device cuda --model bc-10-4 --batch 8").split(" ");
            if (command.equals("train")) {
                arguments = train(folder.resolve("run"), 1);
            }
            ChildJvm child = run(refusing, arguments);
            assertEquals(2, child.exitCode(), child.err());
            assertTrue(
                    error(child)
                            .matches(
                                    "error: .*batch 8 .*needs [\\d.]+ MB, cuda:0 refused it with [\\d.]+ GB"
                                            + " free; .*(the largest batch that fits with SHARED is"
                                            + " [1-7]|batch [1-4] fits)"),
                    error(child));
        }
    }

    /** Lost in the fourth step, when one checkpoint is written, and while the first is written. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "cuGraphLaunch        | 3  | continuing ",
                "cuMemcpyDtoHAsync_v2 | 12 | has no checkpoint yet; starting it again",
            })
    void aRunWhoseDeviceIsLostIsKeptAndContinues(String function, String call, String resumed)
            throws IOException {
        Path out = folder.resolve("run");
        Map<String, String> lost =
                Map.of(
                        "STANDIN_FAIL_FUNCTION",
                        function,
                        "STANDIN_FAIL_CALL",
                        call,
                        "STANDIN_FAIL_STATUS",
                        "999",
                        "STANDIN_FAIL_LOST",
                        "1",
                        "STANDIN_STATS",
                        "1");
        ChildJvm first = run(lost, train(out, 2, "--save-every", "2"));
        assertEquals(1, first.exitCode(), first.err());
        assertTrue(error(first).contains("CUDA_ERROR_UNKNOWN"), error(first));
        assertTrue(error(first).contains("reload the module"), error(first));
        assertTrue(error(first).endsWith("continue it with --resume " + out), error(first));
        assertTrue(first.err().endsWith("0 violations; live: \n"), first.err());
        assertFalse(Files.exists(out.resolve("run.lock")));

        ChildJvm second = run(Map.of(), "train", "--resume", out.toString(), "--device", "cuda");
        assertEquals(0, second.exitCode(), second.err());
        assertTrue(second.out().contains(resumed), second.out());
        assertEquals(3, Files.readAllLines(out.resolve("metrics.csv")).size());
    }
}
