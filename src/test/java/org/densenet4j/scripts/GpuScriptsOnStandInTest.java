package org.densenet4j.scripts;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.standin.StandIn;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.jar.Attributes;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * gpu-first and gpu-compare as they run on a GPU machine, with the real engine, tests and Java, on
 * the stand-in for NVIDIA's driver and libraries and the smallest networks.
 */
class GpuScriptsOnStandInTest {
    @TempDir private Path folder;

    /** A folder as gpu-bundle makes it, whose jars lead to the classes of this process. */
    private FakeBundle bundle() throws Exception {
        Map<String, String> environment = new HashMap<>();
        environment.putAll(StandIn.environment(Map.of("cublas", "13")));
        FakeBundle bundle = new FakeBundle(folder, environment);
        String java = System.getProperty("java.home");
        bundle.program(
                "densenet4j",
                "[ \"$1\" != --java-home ] || { echo '" + java + "'; exit; }",
                "exec '"
                        + java
                        + "/bin/java' --add-modules jdk.incubator.vector"
                        + " --enable-native-access=ALL-UNNAMED"
                        + " -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp \"${0%/*}/densenet4j.jar\""
                        + " org.densenet4j.cli.Main \"$@\"");
        Manifest manifest = new Manifest();
        Attributes attributes = manifest.getMainAttributes();
        attributes.put(Attributes.Name.MANIFEST_VERSION, "1.0");
        attributes.put(
                Attributes.Name.CLASS_PATH,
                Stream.of(System.getProperty("java.class.path").split(File.pathSeparator, -1))
                        .map(entry -> Path.of(entry).toUri().toString())
                        .collect(Collectors.joining(" ")));
        Path jar = bundle.folder().resolve("densenet4j.jar");
        new JarOutputStream(Files.newOutputStream(jar), manifest).close();
        bundle.tool("nvidia-smi", "exit 9");
        return bundle;
    }

    private static void assertOk(FakeBundle bundle, Finished finished, String... stages)
            throws Exception {
        Map<String, String> expected = new LinkedHashMap<>();
        for (String stage : stages) {
            expected.put(stage, "ok");
        }
        assertEquals(expected, bundle.stages(), finished.out());
        assertEquals(0, finished.exitCode(), finished.out());
    }

    @Test
    void theFirstRunPasses() throws Exception {
        FakeBundle bundle = bundle();
        Finished first =
                bundle.run(
                        "gpu-first",
                        "--small",
                        "--seconds",
                        "900",
                        "--only",
                        "machine,open,contract,replay,ours,trace");
        assertOk(bundle, first, "machine", "open", "contract", "replay", "ours", "trace");
        String replay = bundle.inArchive("replay.log");
        assertTrue(replay.contains("same losses in bf16, bit for bit"), replay);
        assertTrue(replay.contains(" fusedLayers=2/3 "), replay);
        assertTrue(replay.contains(" unfused=odd-columns "), replay);
        Map<String, String> ours = bundle.figures().getFirst();
        assertEquals("staged", ours.get("input"));
        String note = ours.get("note");
        for (String fact : List.of("graphs=replayed", "products=cuBLAS-13", "deviceBytes=")) {
            assertTrue(note.contains(fact), note);
        }
    }

    @Test
    void theComparisonMeasuresThisEngineAndFindsNoLeak() throws Exception {
        FakeBundle bundle = bundle();
        Finished compare =
                bundle.run(
                        "gpu-compare", "--small", "--seconds", "900", "--only", "ours,naive,leak");
        assertOk(bundle, compare, "ours", "naive", "leak");
        assertEquals("NAIVE", bundle.figures().getLast().get("variant"));
    }

    @Test
    void aKernelThatFailsIsNamedByTheRerun() throws Exception {
        FakeBundle bundle = bundle();
        bundle.environment("STANDIN_FAIL_LAUNCH", "60");
        Finished first =
                bundle.run("gpu-first", "--small", "--seconds", "900", "--only", "open,contract");
        assertEquals(1, first.exitCode(), first.out());
        assertEquals("failed", bundle.stages().get("open"));
        assertEquals("skipped", bundle.stages().get("contract"));
        String again = bundle.inArchive("open-rerun.log");
        assertTrue(again.contains("error: kernel "), again);
        assertTrue(bundle.inArchive("open-rerun-loader.log").contains("libcudnn"));
    }
}
