package org.densenet4j.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.standin.StandIn;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What a training step asks of a GPU, on the stand-in driver: launches, bytes and FLOPs, which stay
 * as they are unless somebody changes them on purpose.
 */
class StepTrafficTest {
    private static final Pattern DRIVER_COUNT =
            Pattern.compile("^standin: +(\\d+) ([a-zA-Z0-9_]+(?: bytes)?)$", Pattern.MULTILINE);

    @TempDir private Path folder;

    private ChildJvm run(Map<String, String> options, String... arguments) throws IOException {
        return run(ChildJvm.Settings.of(StandIn.environment(options)), arguments);
    }

    private ChildJvm run(ChildJvm.Settings settings, String... arguments) throws IOException {
        ChildJvm child = ChildJvm.run(folder, settings, TracedStep.class.getName(), arguments);
        assertEquals(0, child.exitCode(), child.err());
        assertTrue(!child.err().contains("VIOLATION"), child.err());
        return child;
    }

    @ParameterizedTest
    @CsvSource({
        "bc-100-12, 64, fp32",
        "bc-100-12, 64, bf16",
        "densenet121, 256, fp32",
        "densenet121, 256, tf32",
        "densenet121, 256, bf16",
        "densenet161, 128, bf16"
    })
    void aStepAsksOfAnH100WhatItDidBefore(String model, String batch, String precision)
            throws IOException {
        List<String> now =
                run(Map.of("STANDIN_DRY", "1"), "step", model, batch, "1", precision)
                        .out()
                        .lines()
                        .toList();
        String suffix = precision.equals("fp32") ? "" : "-" + precision;
        TrafficTable table = TrafficTable.of(model + "-batch-" + batch + suffix);
        if (TrafficTable.UPDATE) {
            List<String> lines = new ArrayList<>(now);
            lines.add(memoryTraffic(model, batch, precision));
            table.write(lines);
        } else {
            table.assertSame(
                    "A training step of " + model + ", batch " + batch + ", in " + precision,
                    now,
                    StepTrafficTest.class);
        }
    }

    /** What {@link CacheModel} says; the model remembers every part of the arena. */
    private String memoryTraffic(String model, String batch, String precision) throws IOException {
        ChildJvm.Settings dry =
                ChildJvm.Settings.of(StandIn.environment(Map.of("STANDIN_DRY", "1")))
                        .withLimits(1500, 300);
        return run(dry, "memory", model, batch, "1", precision).out().strip();
    }

    @Test
    void ofDenseNet121InBFloat16AtMostFortyGigabytesReachMemory() throws IOException {
        String now = memoryTraffic("densenet121", "256", "bf16");
        List<String> table =
                Files.readAllLines(TrafficTable.of("densenet121-batch-256-bf16").file());
        assertEquals(table.getLast(), now, "the cache's model says something else than before");
        Matcher gigabytes = Pattern.compile("step: ([\\d.]+) GB").matcher(now);
        assertTrue(gigabytes.find(), now);
        assertTrue(Double.parseDouble(gigabytes.group(1)) <= 40, now);
    }

    @Test
    void aTracedTrainingIsBitIdenticalToAnother() throws IOException {
        String plain = measured();
        String traced = measured("--trace");
        assertEquals(losses(plain), losses(traced));
        assertTrue(plain.contains(" graphs=replayed "), plain);
        assertTrue(traced.contains(" graphs=plain "), traced);
        assertTrue(traced.contains("\nall calls "), traced);
        assertTrue(!plain.contains("all calls"), plain);
    }

    @Test
    void aTracedProfileHasTheTable() throws IOException {
        Path report = folder.resolve("profile");
        ChildJvm child =
                ChildJvm.run(
                        folder,
                        StandIn.environment(Map.of("STANDIN_DRY", "1", "STANDIN_TIMES", "host")),
                        "org.densenet4j.cli.Main",
                        "profile",
                        "--device",
                        "cuda",
                        "--model",
                        "bc-10-4",
                        "--batch",
                        "2",
                        "--steps",
                        "2",
                        "--warm-up",
                        "1",
                        "--trace",
                        "--out",
                        report.toString());
        assertEquals(0, child.exitCode(), child.err());
        assertTrue(child.out().contains("trace of a step, the mean of 2"), child.out());
        String csv = Files.readString(report.resolve("trace.csv"));
        assertTrue(Pattern.compile("(?m)^cuBLAS gemm,36,").matcher(csv).find(), csv);
    }

    private String measured(String... more) throws IOException {
        List<String> arguments =
                new ArrayList<>(
                        List.of(
                                "measure",
                                "--device",
                                "cuda",
                                "--model",
                                "bc-10-4",
                                "--batch",
                                "4",
                                "--input-size",
                                "16",
                                "--steps",
                                "4",
                                "--deterministic"));
        arguments.addAll(List.of(more));
        ChildJvm child =
                ChildJvm.run(
                        folder,
                        StandIn.environment(Map.of()),
                        "org.densenet4j.cli.Main",
                        arguments.toArray(new String[0]));
        assertEquals(0, child.exitCode(), child.err());
        assertTrue(!child.err().contains("VIOLATION"), child.err());
        return child.out();
    }

    private static String losses(String line) {
        Matcher m = Pattern.compile(" losses=(\\S+)").matcher(line);
        assertTrue(m.find(), line);
        assertEquals(4, m.group(1).split(",", -1).length);
        return m.group(1);
    }

    /** With cuBLAS of CUDA 12 through JCuda, of CUDA 13 by its C functions, and without. */
    @ParameterizedTest
    @CsvSource({"12, fp32", "13, fp32", "none, fp32", "12, bf16", "13, bf16", "none, bf16"})
    void theTraceCountsEveryCallThatTheDriverGets(String cublas, String precision)
            throws IOException {
        ChildJvm child =
                run(
                        Map.of("STANDIN_DRY", "1", "STANDIN_STATS", "2", "cublas", cublas),
                        "all",
                        "bc-10-4",
                        "8",
                        "1",
                        precision);
        Map<String, Long> driver = new LinkedHashMap<>();
        Matcher count = DRIVER_COUNT.matcher(child.err());
        while (count.find()) {
            driver.put(count.group(2), Long.valueOf(count.group(1)));
        }
        Map<String, List<Long>> trace = TrafficTable.rows(child.out().lines().toList());
        long kernels = 0;
        for (Map.Entry<String, List<Long>> row : trace.entrySet()) {
            String name = row.getKey();
            if (name.matches("[a-z0-9_]+") && !List.of("total", "memset").contains(name)) {
                assertEquals(driver.get(name), row.getValue().get(0), name);
                kernels += row.getValue().get(0);
            }
        }
        assertEquals(driver.get("cuLaunchKernel"), kernels);
        long products =
                driver.entrySet().stream()
                        .filter(e -> e.getKey().matches("cublas(Sg|G)emm(Ex)?(_v2)?"))
                        .mapToLong(Map.Entry::getValue)
                        .sum();
        assertEquals(!cublas.equals("none"), products > 0, driver.toString());
        assertEquals(products, trace.getOrDefault("cuBLAS gemm", List.of(0L, 0L, 0L)).get(0));
        assertEquals(driver.get("cudnnConvolutionForward"), trace.get("cuDNN convolution").get(0));
        assertEquals(
                driver.get("cudnnConvolutionBackwardData"),
                trace.get("cuDNN data gradient").get(0));
        assertEquals(
                driver.get("cudnnConvolutionBackwardFilter"),
                trace.get("cuDNN weight gradient").get(0));
        assertEquals(
                driver.get("cuMemcpyHtoDAsync_v2"),
                trace.get("copy to the device").get(0)
                        + trace.get("copy of the next batch to the device").get(0));
        assertEquals(
                driver.get("cuMemcpyHtoDAsync_v2 bytes"),
                trace.get("copy to the device").get(1)
                        + trace.get("copy of the next batch to the device").get(1));
        assertEquals(
                driver.get("cuMemcpyDtoHAsync_v2 bytes"), trace.get("copy from the device").get(1));
        assertEquals(driver.get("cuMemcpyDtoDAsync_v2"), trace.get("copy on the device").get(0));
        assertEquals(driver.get("cuMemsetD8Async"), trace.get("memset").get(0));
    }
}
