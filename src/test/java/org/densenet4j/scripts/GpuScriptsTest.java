package org.densenet4j.scripts;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import static java.nio.charset.StandardCharsets.UTF_8;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** gpu-first and gpu-compare, run on stand-ins for the engine, Java, PyTorch and NVIDIA's tools. */
@EnabledOnOs(OS.LINUX)
class GpuScriptsTest {
    private static final Path SCRIPTS = Path.of("scripts").toAbsolutePath();

    @TempDir private Path folder;

    private Finished run(String... command) throws Exception {
        return Finished.run(folder, Map.of(), command);
    }

    @Test
    void everyScriptParsesAndExplainsItself() throws Exception {
        Path bundle = new FakeBundle(folder).folder();
        for (Path script :
                List.of(
                        SCRIPTS.resolve("gpu-bundle"),
                        bundle.resolve("gpu-first"),
                        bundle.resolve("gpu-compare"))) {
            assertEquals(new Finished(0, ""), run("bash", "-n", script.toString()));
            Finished help = run(script.toString(), "--help");
            assertEquals(0, help.exitCode(), help.out());
            assertTrue(help.out().contains(script.getFileName().toString()), help.out());
            Finished wrong = run(script.toString(), "--no-such-option");
            assertEquals(2, wrong.exitCode(), wrong.out());
            assertEquals(1, wrong.out().lines().count(), wrong.out());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"gpu-first", "gpu-compare"})
    void theLimitsOfAllStagesAndWhatIsKeptForRerunsAddUpToFiveMinutes(String script)
            throws Exception {
        String plan = run(SCRIPTS.resolve(script).toString(), "--plan").out();
        int sum = 0;
        for (String line : plan.lines().toList()) {
            int limit = Integer.parseInt(line.strip().split(" +", 3)[1]);
            assertTrue(limit >= 8, line);
            sum += limit;
        }
        assertTrue(sum <= 300, sum + " s:\n" + plan);
    }

    @ParameterizedTest
    @ValueSource(strings = {"gpu-first", "gpu-compare"})
    void aScriptOutsideABundleIsRefused(String script) throws Exception {
        Finished refused = run(SCRIPTS.resolve(script).toString(), folder.toString());
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
        // 5 batches and three precisions: eager and compiled, each naive and memory-efficient, and
        // two ways with CUDA graphs.
        assertEquals(5 * 3 * 6, all.size());
        assertEquals(all.size(), all.stream().distinct().count());
        assertFalse(all.getFirst().contains("compile"), "eager comes first");
        for (String one :
                List.of(
                        "densenet121:64:bf16:compile=max-autotune:copied",
                        "densenet121:1:bf16:compile:inference",
                        all.get(7))) {
            assertEquals(new Finished(0, one + "\n"), run("python3", peer, "--list", one));
        }
        Finished wrong = run("python3", peer, "--list", "densenet121:64:fp16");
        assertEquals(2, wrong.exitCode());
        assertTrue(wrong.out().contains("fp32, tf32, bf16"), wrong.out());
        assertEquals(2, run("python3", peer, "--steps", "0").exitCode());
    }

    @Test
    void allStagesPassAndFiguresOfBothSidesStandInOneTableAndOneArchive() throws Exception {
        FakeBundle bundle = new FakeBundle(folder);
        Finished first = bundle.run("gpu-first");
        assertEquals(0, first.exitCode(), first.out());
        Map<String, String> stages = bundle.stages();
        assertEquals(
                List.of(
                        "machine",
                        "open",
                        "contract",
                        "parity",
                        "strategies",
                        "replay",
                        "nccl",
                        "ours",
                        "peer",
                        "trace",
                        "memcheck",
                        "racecheck"),
                List.copyOf(stages.keySet()));
        stages.forEach((stage, result) -> assertEquals("ok", result, stage));
        List<Map<String, String>> figures = bundle.figures();
        assertEquals(4 + 2, figures.size());
        Map<String, String> ours = figures.getFirst();
        assertEquals("128.0", ours.get("images_per_s"));
        assertEquals("2000000", ours.get("peak_bytes"));
        assertEquals("staged", ours.get("input"));
        assertEquals("99.5", figures.get(4).get("images_per_s"));
        assertEquals("out of memory", figures.get(5).get("note"));
        assertTrue(first.out().contains("99.5"), first.out());
        assertTrue(bundle.inArchive("contract.log").contains("[ 5 tests successful ]"));
        String sanitized = bundle.inArchive("memcheck.log");
        assertTrue(sanitized.contains("--kernel-name kns=our_kernel"), sanitized);
        assertTrue(sanitized.contains("--report-api-errors no"), sanitized);
        for (String precision : List.of("fp32", "bf16")) {
            assertTrue(sanitized.contains("--precision " + precision), sanitized);
        }
        assertTrue(bundle.inArchive("racecheck.log").contains("--tool racecheck"));

        Finished compare = bundle.run("gpu-compare", "--again", "parity");
        assertEquals(0, compare.exitCode(), compare.out());
        bundle.stages().forEach((stage, result) -> assertEquals("ok", result, stage));
        assertEquals("naive", bundle.figures().getFirst().get("variant"), "the peer first");
    }

    @Test
    void aStageThatHangsIsKilledAndTheRestRuns() throws Exception {
        FakeBundle bundle = new FakeBundle(folder);
        bundle.engine("case $1 in parity) (trap '' TERM; exec sleep 4321);; esac");
        Finished first = bundle.run("gpu-first", "--seconds", "60");
        assertEquals(1, first.exitCode(), first.out());
        Map<String, String> stages = bundle.stages();
        assertEquals("timeout", stages.remove("parity"));
        assertEquals("timeout", stages.remove("parity-rerun"));
        stages.forEach((stage, result) -> assertEquals("ok", result, stage));
        assertEquals(1, run("bash", "-c", "pgrep -f 'sleep [4]321'").exitCode(), "left running");
    }

    @Test
    void aStageThatFailsRunsAgainWithWhatExplainsIt() throws Exception {
        FakeBundle bundle = new FakeBundle(folder);
        bundle.engine(
                "case \"$*\" in *golden*) echo \"error: it is \\\"red\\\" $*\"",
                "  echo \"blocking=${CUDA_LAUNCH_BLOCKING:-no}\"",
                "  [ -z \"${CUDNN_LOGDEST_DBG:-}\" ] || echo told >\"$CUDNN_LOGDEST_DBG\"",
                "  exit 1;; esac");
        Finished first = bundle.run("gpu-first");
        assertEquals(1, first.exitCode(), first.out());
        assertEquals("failed", bundle.stages().get("parity"));
        assertEquals("failed", bundle.stages().get("parity-rerun"));
        assertEquals("ok", bundle.stages().get("strategies"));
        assertTrue(bundle.inArchive("parity.log").contains("blocking=no"));
        String again = bundle.inArchive("parity-rerun.log");
        assertTrue(again.contains("blocking=1"), again);
        assertTrue(again.contains("--synchronous --no-graphs"), again);
        assertEquals("told\n", bundle.inArchive("parity-rerun-cudnn.log"));
        assertTrue(first.out().contains("error: it is \"red\""), first.out());
    }

    @Test
    void onlyTheFirstTestsThatFailedRunAgain() throws Exception {
        FakeBundle bundle = new FakeBundle(folder);
        bundle.java(
                "case \"$*\" in *CudaContractTest*)",
                "  for a in \"$@\"; do case $a in --reports-dir=*) d=${a#*=};; esac; done",
                "  mkdir -p \"$d\"; echo '<testcase name=\"good\"><system-out>",
                "unique-id: [a]/[good]",
                "</system-out></testcase><testcase name=\"bad\"><failure/><system-out>",
                "unique-id: [a]/[bad()]",
                "</system-out></testcase>' >\"$d/TEST.xml\"; echo \"[ 1 tests failed ]\"; exit 1;;",
                "*unique-id*) echo \"again $*\"; exit 1;; esac");
        bundle.run("gpu-first", "--only", "contract");
        assertEquals("failed", bundle.stages().get("contract"));
        String again = bundle.inArchive("contract-rerun.log");
        assertTrue(again.contains("--select-unique-id=[a]/[bad()]"), again);
        assertFalse(again.contains("[good]"), again);
        assertTrue(again.contains("-Ddensenet4j.synchronous=true"), again);
    }

    @Test
    void testsThatWereAllAbortedHaveCheckedNothing() throws Exception {
        FakeBundle bundle = new FakeBundle(folder);
        bundle.java(
                "case \"$*\" in *Launcher*) echo '[ 9 tests aborted ]'",
                "echo '[ 0 tests successful ]'; exit;; esac");
        bundle.run("gpu-first", "--only", "contract");
        assertEquals("failed", bundle.stages().get("contract"));
    }

    @Test
    void aDeviceThatDoesNotOpenSparesTheEngineAndKeepsThePeer() throws Exception {
        FakeBundle bundle = new FakeBundle(folder);
        bundle.engine(
                "case $1 in measure) echo \"debug=${LD_DEBUG:-}\"",
                "  echo 'error: no device' >&2; exit 2;; esac");
        Finished first = bundle.run("gpu-first");
        assertEquals(1, first.exitCode(), first.out());
        assertEquals("failed", bundle.stages().get("open"));
        assertTrue(bundle.inArchive("open-rerun.log").contains("debug=libs"));
        for (String stage : List.of("contract", "replay", "ours", "memcheck")) {
            assertEquals("skipped", bundle.stages().get(stage), stage);
        }
        assertEquals("ok", bundle.stages().get("peer"));
    }

    @Test
    void replayedStepsWithOtherLossesFail() throws Exception {
        FakeBundle bundle = new FakeBundle(folder);
        bundle.engine(
                "case \"$*\" in *--deterministic*--no-graphs*)",
                "  echo strategy=X losses=1.0,2.5 graphs=plain; exit;; esac");
        Finished first = bundle.run("gpu-first", "--only", "replay");
        assertEquals(1, first.exitCode(), first.out());
        assertTrue(first.out().contains("differs: losses"), first.out());
    }

    @Test
    void anInterruptedRunKeepsWhatWasFound() throws Exception {
        FakeBundle bundle = new FakeBundle(folder);
        bundle.engine("case $1 in parity) touch \"$0.reached\"; sleep 4322;; esac");
        Process process = bundle.start("gpu-first");
        while (process.isAlive() && !Files.exists(folder.resolve("bundle/densenet4j.reached"))) {
            Thread.sleep(50);
        }
        run("bash", "-c", "kill -INT " + process.pid());
        String out = new String(process.getInputStream().readAllBytes(), UTF_8);
        assertEquals(130, process.waitFor(), out);
        assertEquals("ok", bundle.stages().get("contract"));
        assertEquals("stopped", bundle.stages().get("parity"));
        assertTrue(bundle.inArchive("contract.log").contains("successful"));
        assertEquals(1, run("bash", "-c", "pgrep -f 'sleep [4]322'").exitCode(), "left running");
    }

    @Test
    void withoutPythonAndNvidiasToolsTheEngineIsCheckedAndMeasured() throws Exception {
        FakeBundle bundle = new FakeBundle(folder);
        bundle.onlyPlainTools();
        for (String script : List.of("gpu-first", "gpu-compare")) {
            Finished bare =
                    bundle.run(
                            script,
                            "--only",
                            script.equals("gpu-first")
                                    ? "machine,open,ours,peer,memcheck"
                                    : "machine,eager,ours,heaviest");
            assertEquals(0, bare.exitCode(), bare.out());
            assertTrue(bare.out().contains("no python3"), bare.out());
            assertEquals("ok", bundle.stages().get("ours"));
        }
    }

    @Test
    void aPythonWithoutPyTorchIsSaidInOneLine() throws Exception {
        FakeBundle bundle = new FakeBundle(folder);
        bundle.tool("python3", "echo 'pytorch_peer: PyTorch is not installed' >&2; exit 2");
        Finished first = bundle.run("gpu-first", "--only", "peer");
        assertEquals(0, first.exitCode(), first.out());
        assertEquals("skipped", bundle.stages().get("peer"));
    }

    @Test
    void resultsThatCannotBeWrittenDoNotStopTheStages() throws Exception {
        FakeBundle bundle = new FakeBundle(folder);
        // What a full disk is to the archive: it cannot be put there.
        Files.createDirectories(folder.resolve("out/results.tgz/taken"));
        Finished first = bundle.run("gpu-first");
        assertEquals(0, first.exitCode(), first.out());
        assertTrue(first.out().contains("is the disk full?"), first.out());
        assertTrue(first.out().contains("memcheck         ok"), first.out());
    }

    @Test
    void longLogsAreCut() throws Exception {
        FakeBundle bundle = new FakeBundle(folder);
        bundle.engine("case $1 in parity) seq 100000; echo 'parity holds'; exit;; esac");
        bundle.run("gpu-first", "--only", "parity");
        String log = bundle.inArchive("parity.log");
        assertEquals(200 * 1024, log.length());
        assertTrue(log.endsWith("parity holds\n"));
    }

    @Test
    void aStageThatDoesNotExistIsRefused() throws Exception {
        Finished refused = new FakeBundle(folder).run("gpu-first", "--only", "everything");
        assertEquals(2, refused.exitCode());
        assertTrue(refused.out().contains("no stage is named 'everything'"), refused.out());
    }
}
