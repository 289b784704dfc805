package org.densenet4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

class BenchCommandTest {
    private static final String[] TINY = {
        "bench",
        "--point",
        "bc-10-4:2",
        "--steps",
        "2",
        "--warm-up-seconds",
        "0.01",
        "--precision",
        "fp32",
        "--device",
        "cpu"
    };

    private static String[] tiny(String... more) {
        List<String> all = new ArrayList<>(List.of(TINY));
        all.addAll(List.of(more));
        return all.toArray(String[]::new);
    }

    /** All values by the name of their field, nested ones included, in their order. */
    private static Map<String, List<String>> fields(String json) throws IOException {
        Map<String, List<String>> fields = new TreeMap<>();
        try (JsonParser parser = new JsonFactory().createParser(json)) {
            String name = "";
            for (JsonToken t = parser.nextToken(); t != null; t = parser.nextToken()) {
                if (t == JsonToken.FIELD_NAME) {
                    name = parser.getText();
                } else if (t.isScalarValue()) {
                    fields.computeIfAbsent(name, n -> new ArrayList<>()).add(parser.getText());
                }
            }
        }
        return fields;
    }

    @Test
    void helpNamesEveryOptionAndTheComparisonWithLibtorch() {
        Captured help = Captured.run("bench", "--help");
        assertEquals(0, help.code());
        for (String word :
                List.of(
                        "--point",
                        "--precision",
                        "--rounds",
                        "--warm-up-seconds",
                        "--sweep",
                        "--json",
                        "-Pbench")) {
            assertTrue(help.out().contains(word), word);
        }
        assertTrue(Captured.run("--help").out().contains("bench"));
    }

    @Test
    void jsonOnStandardOutputIsAllThatIsThere() throws IOException {
        Captured run = Captured.run(tiny("--json", "-", "--rounds", "2"));
        assertEquals(0, run.code(), run.err());
        Map<String, List<String>> fields = fields(run.out());
        assertEquals(List.of("densenet4j.benchmark"), fields.get("format"));
        assertEquals(List.of("0.01"), fields.get("warmUpSeconds"));
        assertEquals(List.of("TRAINING", "TRAINING", "TRAINING", "INFERENCE"), fields.get("work"));
        assertEquals(List.of("SHARED", "RECOMPUTE", "NAIVE", "null"), fields.get("strategy"));
        assertEquals(8, fields.get("roundSeconds").size(), "two rounds of four rows");
        assertEquals(fields.get("predictedBytes"), fields.get("allocatedBytes"));
        List<String> flops = fields.get("flopsPerStep");
        assertEquals(flops.get(0), flops.get(1), "recomputed work is not useful work");
        assertTrue(Long.parseLong(flops.get(3)) < Long.parseLong(flops.get(0)) / 2);
        for (int row = 0; row < 4; row++) {
            long activations = Long.parseLong(fields.get("activationBytes").get(row));
            long allocated = Long.parseLong(fields.get("allocatedBytes").get(row));
            assertTrue(activations > 0 && activations < allocated);
            assertTrue(Double.parseDouble(fields.get("shareOfPeak").get(row)) > 0);
        }
    }

    @Test
    void tablesGoToTheTerminalAndJsonToItsFile(@TempDir Path folder) throws IOException {
        Path file = folder.resolve("bench.json");
        Captured run = Captured.run(tiny("--json", file.toString()));
        assertEquals(0, run.code(), run.err());
        assertTrue(run.out().contains("of fp32 peak") && run.out().contains("inference"));
        assertTrue(Files.readString(file).contains("\"peakFlopsPerSecond\""));
    }

    @Test
    void whatDoesNotFitIntoTheMachineIsSkippedInOneLineEach() throws IOException {
        try (Device device = Device.cpu()) {
            Device full =
                    (Device)
                            Proxy.newProxyInstance(
                                    Device.class.getClassLoader(),
                                    new Class<?>[] {Device.class},
                                    (proxy, method, arguments) ->
                                            method.getName().equals("availableBytes")
                                                    ? (Object) 1000L
                                                    : method.invoke(device, arguments));
            BenchRun run = new BenchRun(full, new BenchDeviceOption(), 2, 0, 1);
            run.add(new BenchPoint("bc-10-4", 2), DataType.FLOAT32);
            run.run();
            assertEquals(List.of(), run.rows());
            assertEquals(4, run.skipped().size());
            String first = run.skipped().getFirst();
            assertTrue(first.startsWith("bc-10-4:2 fp32, SHARED needs "), first);
            assertTrue(first.endsWith("this machine has 1.0 kB left"), first);
        }
    }

    @Test
    void aPrecisionThatTheDeviceDoesNotHaveIsSkippedInOneLine() throws IOException {
        try (Device device = Device.cpu()) {
            Device old =
                    (Device)
                            Proxy.newProxyInstance(
                                    Device.class.getClassLoader(),
                                    new Class<?>[] {Device.class},
                                    (proxy, method, arguments) ->
                                            method.getName().equals("supports")
                                                    ? (Object) false
                                                    : method.invoke(device, arguments));
            BenchRun run = new BenchRun(old, new BenchDeviceOption(), 2, 0, 1);
            run.add(new BenchPoint("bc-10-4", 2), DataType.BFLOAT16);
            run.add(new BenchPoint("bc-10-4", 1), DataType.BFLOAT16);
            run.run();
            assertEquals(List.of(), run.rows());
            assertEquals(1, run.skipped().size());
            assertTrue(run.skipped().getFirst().startsWith("bf16: not for this device (cpu, "));
        }
    }

    @Test
    void aPointMayHaveItsOwnSizeOfImages() {
        String line = Captured.run("measure", "--point", "bc-10-4:2:8", "--steps", "1").out();
        String large = Captured.run("measure", "--point", "bc-10-4:2:64", "--steps", "1").out();
        assertTrue(allocated(line) < allocated(large), line + large);
    }

    @Test
    void measureSaysThatADeviceTracesNothing() {
        List<String> out =
                Captured.run(
                                "measure",
                                "--point",
                                "bc-10-4:2:8",
                                "--steps",
                                "1",
                                "--device",
                                "cpu",
                                "--trace")
                        .out()
                        .lines()
                        .toList();
        assertEquals("cpu traces no calls", out.getLast());
        assertTrue(out.getFirst().startsWith("strategy=SHARED "), out.getFirst());
    }

    @Test
    void measuredInferenceAllocatesWhatItsPlanSays() {
        String line =
                Captured.run("measure", "--inference", "--point", "bc-10-4:2", "--steps", "2")
                        .out();
        assertTrue(line.startsWith("strategy=INFERENCE "), line);
        assertTrue(line.contains("predicted=" + allocated(line) + " "), line);
    }

    @Test
    void aWarmUpThatIsNoTimeIsRefused() {
        for (String command : List.of("measure", "bench")) {
            for (String seconds : List.of("-1", "NaN", "1e9")) {
                Captured refused = Captured.run(command, "--warm-up-seconds", seconds);
                assertEquals(2, refused.code());
                assertTrue(refused.err().endsWith(": use 0 to 3600\n"), refused.err());
            }
        }
    }

    private static long allocated(String line) {
        return Long.parseLong(line.replaceAll("(?s).*allocated=(\\d+).*", "$1"));
    }
}
