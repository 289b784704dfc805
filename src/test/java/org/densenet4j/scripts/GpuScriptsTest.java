package org.densenet4j.scripts;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * gpu-verify and gpu-bench, run on stand-ins for the engine, Java, PyTorch and compute-sanitizer.
 */
@EnabledOnOs(OS.LINUX)
class GpuScriptsTest {
    private static final Path SCRIPTS = Path.of("scripts").toAbsolutePath();
    private static final String MEASURED =
            "echo strategy=X predicted=7 allocated=2000000 resident=1 medianSeconds=0.5"
                    + " imagesPerSecond=128.0";

    @TempDir private Path folder;

    /**
     * A finished process.
     *
     * @param exitCode of it
     * @param out its output and its complaints
     */
    private record Finished(int exitCode, String out) {}

    private Finished run(String... command) throws Exception {
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().merge("PATH", folder.toString(), (old, own) -> own + ":" + old);
        Process process = builder.start();
        String out = new String(process.getInputStream().readAllBytes(), UTF_8);
        return new Finished(process.waitFor(), out);
    }

    private Path script(String name, String... lines) throws IOException {
        Path file = folder.resolve(name);
        Files.createDirectories(file.getParent());
        Files.writeString(file, "#!/bin/bash\n" + String.join("\n", lines) + "\n");
        assertTrue(file.toFile().setExecutable(true));
        return file;
    }

    private Path copy(String name) throws IOException {
        return Files.copy(SCRIPTS.resolve(name), folder.resolve(name));
    }

    private static List<Map<String, String>> rows(Path json) throws IOException {
        List<Map<String, String>> rows = new ArrayList<>();
        try (JsonParser parser = new JsonFactory().createParser(json.toFile())) {
            while (parser.nextToken() != null) {
                if (parser.currentToken() == JsonToken.START_OBJECT) {
                    rows.add(new LinkedHashMap<>());
                } else if (parser.currentToken() == JsonToken.FIELD_NAME) {
                    String name = parser.currentName();
                    parser.nextToken();
                    rows.getLast().put(name, parser.getText());
                }
            }
        }
        return rows;
    }

    @Test
    void everyScriptParsesAndExplainsItself() throws Exception {
        for (String name : List.of("gpu-bundle", "gpu-verify", "gpu-bench")) {
            String path = SCRIPTS.resolve(name).toString();
            assertEquals(new Finished(0, ""), run("bash", "-n", path));
            Finished help = run(path, "--help");
            assertEquals(0, help.exitCode(), help.out());
            assertTrue(help.out().contains(name), help.out());
            Finished wrong = run(path, "--no-such-option");
            assertEquals(2, wrong.exitCode(), wrong.out());
            assertEquals(1, wrong.out().lines().count(), wrong.out());
        }
    }

    @Test
    void verificationOutsideABundleIsRefused() throws Exception {
        Finished refused = run(SCRIPTS.resolve("gpu-verify").toString(), folder.toString());
        assertEquals(2, refused.exitCode());
        assertTrue(refused.out().contains("gpu-bundle"), refused.out());
    }

    @Test
    void aBundleReplacesOnlyABundle() throws Exception {
        Path precious = Files.createDirectories(folder.resolve("precious"));
        Files.createFile(precious.resolve("thesis"));
        Finished refused = run(SCRIPTS.resolve("gpu-bundle").toString(), precious.toString());
        assertEquals(2, refused.exitCode());
        assertTrue(refused.out().contains("is no bundle"), refused.out());
        assertTrue(Files.exists(precious.resolve("thesis")));
    }

    @Test
    void thePeerListsItsConfigurationsWithoutPyTorch() throws Exception {
        assumeTrue(run("bash", "-c", "command -v python3").exitCode() == 0, "no python3");
        String peer = SCRIPTS.resolve("pytorch_peer.py").toString();
        String compile = "compile(open('" + peer + "').read(), 'peer', 'exec')";
        assertEquals(new Finished(0, ""), run("python3", "-c", compile));
        assertEquals(0, run("python3", peer, "--help").exitCode());
        List<String> all = run("python3", peer, "--list").out().lines().toList();
        // 5 batches, naive and memory-efficient, eager and compiled, three precisions.
        assertEquals(60, all.size());
        assertEquals(60, all.stream().distinct().count());
        assertFalse(all.getFirst().contains("compile"), "eager comes first");
        assertEquals(2, run("python3", peer, "--steps", "0").exitCode());
    }

    @Test
    void theBenchmarkPutsBothSidesIntoOneTableAndOneFile() throws Exception {
        script(
                "densenet4j",
                "case \"$*\" in *'--batch 256 --strategy NAIVE'*)",
                "  echo 'error: needs \"9 GB\"' >&2; exit 2;; esac",
                MEASURED);
        script(
                "python3",
                "[ \"$1\" != -c ] || exit 0",
                "printf 'pytorch\\tbc-100-12\\t64\\tnaive\\ttf32\\t99.5\\t3000000\\t4000000\\town\\n'",
                "printf 'pytorch\\tbc-100-12\\t256\\tnaive\\ttf32\\t-\\t-\\t-\\tout of memory\\n'");
        Path out = folder.resolve("out");
        Finished bench = run(copy("gpu-bench").toString(), out.toString());
        assertEquals(0, bench.exitCode(), bench.out());
        List<Map<String, String>> rows = rows(out.resolve("bench.json"));
        assertEquals(5 * 3 * 2 + 2, rows.size());
        Map<String, String> first = rows.getFirst();
        assertEquals("128.0", first.get("images_per_s"));
        assertEquals("2000000", first.get("peak_bytes"));
        assertEquals(
                4,
                rows.stream().filter(r -> r.get("note").equals("error: needs \"9 GB\"")).count());
        assertEquals("99.5", rows.get(30).get("images_per_s"));
        assertEquals("out of memory", rows.get(31).get("note"));
        assertTrue(bench.out().contains("27 of 32 configurations measured"), bench.out());
    }

    @Test
    void withoutPyTorchTheEngineIsMeasuredAlone() throws Exception {
        script("densenet4j", MEASURED);
        script("python3", "exit 1");
        Path out = folder.resolve("out");
        Finished bench = run(copy("gpu-bench").toString(), "--quick", out.toString());
        assertEquals(0, bench.exitCode(), bench.out());
        assertTrue(bench.out().contains("no PyTorch here"), bench.out());
        assertEquals(2 * 3 * 2, rows(out.resolve("bench.json")).size());
    }

    @Test
    void aBenchmarkThatMeasuresNothingFails() throws Exception {
        script("densenet4j", "echo 'error: no usable device' >&2; exit 2");
        script("python3", "exit 1");
        Path out = folder.resolve("out");
        Finished bench = run(copy("gpu-bench").toString(), "--quick", out.toString());
        assertEquals(1, bench.exitCode());
        assertTrue(bench.out().contains("error: no usable device"), bench.out());
    }

    private Path bundle() throws IOException {
        Files.createFile(folder.resolve(".gpu-bundle"));
        Files.createFile(
                Files.createDirectories(folder.resolve("golden")).resolve("a.safetensors"));
        script(
                "densenet4j",
                "case $1 in parity) echo 'parity holds';; train) sleep 0;;",
                "doctor) echo '  cuda            cuda, a card';; esac");
        script(
                "runtime/bin/java",
                "case \"$*\" in *aThousandSteps*) echo '[ 1 tests failed ]'; exit 1;;",
                "*StrategiesOnDevice*) sleep 100;; esac",
                "echo '[ 5 tests successful ]'");
        script("compute-sanitizer", "[ $2 = memcheck ] || exit 86");
        script("gpu-bench", "echo '          model  batch'; echo 'ours densenet121'");
        return copy("gpu-verify");
    }

    @Test
    void aFailingStageDoesNotStopTheRestAndTheTableTellsAll() throws Exception {
        Path verify = bundle();
        Path out = folder.resolve("out");
        Finished all = run(verify.toString(), "--seconds", "14", out.toString());
        assertEquals(1, all.exitCode(), all.out());
        Map<String, String> results = new LinkedHashMap<>();
        rows(out.resolve("verify.json")).forEach(r -> results.put(r.get("stage"), r.get("result")));
        assertEquals(
                List.of(
                        "doctor",
                        "contract",
                        "parity",
                        "strategies",
                        "memory",
                        "leak",
                        "memcheck",
                        "racecheck",
                        "train",
                        "bench"),
                List.copyOf(results.keySet()));
        assertEquals("ok", results.get("contract"));
        assertEquals("ok", results.get("parity"));
        assertEquals("timeout", results.get("strategies"));
        assertTrue(all.out().contains("contract    ok"), all.out());
        assertTrue(all.out().contains("[ 5 tests successful ]"), all.out());
    }

    @Test
    void aRedStageMakesTheWholeRed() throws Exception {
        Path verify = bundle();
        script(
                "runtime/bin/java",
                "case \"$*\" in *aThousandSteps*) echo '[ 1 tests failed ]'; exit 1;;",
                "*contract*) echo '[ 9 tests aborted ]'; echo '[ 0 tests successful ]'; exit;; esac",
                "echo '[ 5 tests successful ]'");
        Path out = folder.resolve("out");
        Finished all = run(verify.toString(), out.toString());
        assertEquals(1, all.exitCode(), all.out());
        Map<String, String> results = new LinkedHashMap<>();
        rows(out.resolve("verify.json")).forEach(r -> results.put(r.get("stage"), r.get("result")));
        assertEquals("failed", results.remove("leak"), all.out());
        assertEquals("failed", results.remove("racecheck"), all.out());
        assertEquals("failed", results.remove("contract"), "without a device nothing was verified");
        results.forEach((stage, result) -> assertEquals("ok", result, stage));
        assertTrue(all.out().contains("ours densenet121"), "the benchmark's table");
    }
}
