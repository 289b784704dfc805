package org.densenet4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.io.Checksum;
import org.densenet4j.io.Safetensors;
import org.densenet4j.io.SafetensorsWriter;
import org.densenet4j.io.Tensor;
import org.densenet4j.train.Checkpoint;
import org.densenet4j.train.Recipe;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import picocli.CommandLine;
import picocli.CommandLine.Model.OptionSpec;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/** Options of {@code train} that a run keeps when it is continued or started again. */
class RememberedOptionsTest {
    private static final String CHECKPOINT = "checkpoint.safetensors";
    private static final String CONFIG = "config.properties";
    private static final Map<String, String> GIVEN =
            Map.of(
                    "save-every", "3000000000",
                    "memory-budget", "5 GB",
                    "loader-threads", "3",
                    "device", "cpu");
    private static final Map<String, String> DEFAULTS =
            Map.of(
                    "save-every", "0",
                    "memory-budget", "none",
                    "loader-threads", "0",
                    "device", "best");

    @TempDir private Path folder;
    private Path run;

    @BeforeEach
    void aRunOfOneEpoch() throws IOException {
        Path data = TinyRun.data(folder);
        run = folder.resolve("run");
        List<String> arguments = TinyRun.train(data, run, 1); // on --device cpu
        arguments.addAll(List.of("--save-every", "3000000000", "--memory-budget", "5 GB"));
        arguments.addAll(List.of("--loader-threads", "3"));
        Captured.run(arguments).mustSucceed();
    }

    private static Captured resume(Path what, String... more) {
        List<String> arguments = new ArrayList<>(List.of("train", "--no-compare", "--resume"));
        arguments.add(what.toString());
        arguments.addAll(List.of(more));
        return Captured.run(arguments);
    }

    private static void assertSettings(Path run, Map<String, String> expected) throws IOException {
        Map<String, String> metadata = Checkpoint.metadata(run.resolve(CHECKPOINT));
        List<String> config = Files.readAllLines(run.resolve(CONFIG));
        expected.forEach(
                (key, value) -> {
                    assertEquals(value, metadata.get("run." + key), key);
                    assertTrue(config.contains(key + " = " + value), config.toString());
                });
    }

    @Test
    void aRunThatIsContinuedKeepsThem() throws IOException {
        assertSettings(run, GIVEN);
        resume(run, "--epochs", "2").mustSucceed();
        assertSettings(run, GIVEN);
    }

    @Test
    void aRunThatIsStartedAgainKeepsThem() throws IOException {
        Path killed = Files.createDirectory(folder.resolve("killed"));
        Files.copy(run.resolve(CONFIG), killed.resolve(CONFIG));
        resume(killed).mustSucceed();
        assertSettings(killed, GIVEN);
    }

    @Test
    void whatIsGivenAgainWinsAndIsTold() throws IOException {
        Captured result =
                resume(
                                run,
                                "--epochs=2",
                                "--save-every=0",
                                "--memory-budget=none",
                                "--loader-threads=0",
                                "--device=best")
                        .mustSucceed();
        assertSettings(run, DEFAULTS);
        GIVEN.forEach(
                (key, value) -> {
                    String told = "changed  " + key + ": " + value + " -> " + DEFAULTS.get(key);
                    assertTrue(result.out().contains(told), result.out());
                });
    }

    @Test
    void theRememberedBudgetRefusesAPlanThatNeedsMore() {
        resume(run, "--epochs", "2", "--memory-budget", "100MB").mustSucceed();
        Captured refused = resume(run, "--epochs", "3", "--batch", "4000");
        assertEquals(2, refused.code(), refused.out());
        assertTrue(refused.err().contains("the budget is 100.0 MB"), refused.err());
    }

    @Test
    void aCheckpointOfBeforeContinuesWithTheDefaults() throws IOException {
        Path file = run.resolve(CHECKPOINT);
        SafetensorsWriter old = new SafetensorsWriter();
        try (Safetensors checkpoint = Safetensors.open(file)) {
            checkpoint.metadata().entrySet().stream()
                    .filter(entry -> !GIVEN.containsKey(entry.getKey().replaceFirst("^run\\.", "")))
                    .filter(entry -> !entry.getKey().equals(Checksum.KEY))
                    .forEach(entry -> old.metadata(entry.getKey(), entry.getValue()));
            for (String name : checkpoint.names()) {
                Tensor tensor = checkpoint.tensor(name);
                List<Integer> shape = tensor.shape().stream().map(Math::toIntExact).toList();
                old.floats(name, shape, tensor::toFloats);
            }
            old.sealed().write(folder.resolve(CHECKPOINT));
        }
        Files.move(folder.resolve(CHECKPOINT), file, StandardCopyOption.REPLACE_EXISTING);
        Captured result = resume(run, "--epochs", "2").mustSucceed();
        assertTrue(!result.out().contains("changed  save-every"), result.out());
        assertSettings(run, DEFAULTS);
    }

    @Test
    void aFileOfSettingsTakesThemAndRefusesWhatTheyCannotBe() throws IOException {
        Path config = folder.resolve("my.properties");
        for (String line : List.of("save-every = often", "threads = all", "tf32 = yes")) {
            Files.writeString(config, line);
            Captured.run("train", "--config", config.toString()).mustRefuse(line);
        }
    }

    /** It can be read once only. */
    @Test
    @Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
    void aPipeOfSettingsDoesAsWellAsAFile() throws Exception {
        Path pipe = folder.resolve("pipe");
        assertEquals(0, new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor());
        Process writer =
                new ProcessBuilder("sh", "-c", "echo 'crop = 12' > \"$0\"", pipe.toString())
                        .start();
        Captured.run("train", "--model", "bc-10-4", "--config", pipe.toString())
                .mustRefuse("--crop 12 is for networks that classify pixels, and bc-10-4");
        assertEquals(0, writer.waitFor());
    }

    @Test
    void everyOptionIsRememberedOrSaidToBeOfOneInvocation() throws IOException {
        Set<String> remembered = new TreeSet<>(Recipe.keys());
        Checkpoint.metadata(run.resolve(CHECKPOINT)).keySet().stream()
                .filter(key -> key.startsWith("run."))
                .forEach(key -> remembered.add(key.substring("run.".length())));
        remembered.add("recipe");
        remembered.add("betas"); // as beta1 and beta2
        String doc = Files.readString(Path.of("docs/training.md"));
        int start = doc.indexOf("These belong to one invocation");
        assertTrue(start >= 0);
        String invocation = doc.substring(start, doc.indexOf("\n\n", start));
        assertEquals(
                Set.of(),
                new CommandLine(new TrainCommand())
                        .getCommandSpec().options().stream()
                                .filter(option -> !option.hidden() && !isOfAllCommands(option))
                                .map(OptionSpec::longestName)
                                .filter(
                                        name ->
                                                !remembered.contains(
                                                        name.replaceFirst("^--(no-)?", "")))
                                .filter(name -> !invocation.contains("`" + name + "`"))
                                .collect(Collectors.toSet()));
    }

    private static boolean isOfAllCommands(OptionSpec option) {
        return option.usageHelp() || option.versionHelp();
    }
}
