package org.densenet4j.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.io.SafetensorsWriter;
import org.densenet4j.io.pth.PthWriter;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.train.Checkpoint;
import org.densenet4j.weights.LoadOptions;
import org.densenet4j.weights.Model;
import org.densenet4j.weights.RandomModel;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** One of several networks of a file, through the commands that read weights. */
class WeightsKeyTest {
    private static final String CONV = "features.conv0.weight";

    @TempDir private Path folder;
    private RandomModel teacher;
    private List<Path> both;

    @BeforeEach
    void twoNetworksInOneFile() throws IOException {
        DenseNetSpec spec = DenseNetSpec.bc(10, 4).build();
        RandomModel student = new RandomModel(spec, 1);
        teacher = new RandomModel(spec, 2);
        SafetensorsWriter writer = new SafetensorsWriter();
        for (ParameterSpec p : teacher.tensors()) {
            writer.floats("student." + p.name(), p.shape(), () -> student.values(p.name()));
            writer.floats("teacher." + p.name(), p.shape(), () -> teacher.values(p.name()));
        }
        Path safetensors = folder.resolve("both.safetensors");
        writer.write(safetensors);
        PthWriter pth = new PthWriter(List.of("state_dict"), false);
        teacher.pth(student.pth(pth, name -> "student." + name), name -> "teacher." + name);
        both = List.of(safetensors, pth.writeZip(folder.resolve("both.pth")));
    }

    @Test
    void theLibraryReadsTheOneThatIsAskedFor() throws IOException {
        for (Path file : both) {
            try (Model model =
                    Model.open(file, null, LoadOptions.strict().withWeightsKey("teacher"))) {
                assertArrayEquals(teacher.values(CONV), model.values(CONV));
            }
        }
    }

    @Test
    void theCommandsReadTheOneThatIsAskedFor() throws IOException {
        for (Path file : both) {
            Path out = folder.resolve("out-" + file.getFileName() + ".safetensors");
            List<String> export = List.of("export", "--format", "safetensors");
            Captured.run(with(export, "--weights", file.toString(), "--out", out.toString()))
                    .mustRefuse("'student.', 'teacher.'", "--weights-key");
            Captured.run(
                            with(
                                    export,
                                    "--weights=" + file,
                                    "--out=" + out,
                                    "--weights-key=assistant"))
                    .mustRefuse(file.toString(), "'assistant");
            Captured exported =
                    Captured.run(
                            with(
                                    export,
                                    "--weights=" + file,
                                    "--out=" + out,
                                    "--weights-key=teacher"));
            assertEquals(0, exported.code(), exported.err());
            try (Model model = Model.open(out)) {
                assertArrayEquals(teacher.values(CONV), model.values(CONV));
            }
            Captured reuse =
                    Captured.run(
                            "feature-reuse",
                            "--checkpoint=" + file,
                            "--weights-key=teacher",
                            "--out=" + folder.resolve("reuse-" + file.getFileName()));
            assertEquals(0, reuse.code(), reuse.err());
        }
    }

    @Test
    void trainingStartsFromItAndRemembersIt() throws IOException {
        Path data = TinyRun.data(folder);
        Path run = folder.resolve("run");
        Captured refused = Captured.run(TinyRun.train(data, run, 1, "--weights-key=teacher"));
        assertEquals(2, refused.code(), refused.out());
        assertTrue(refused.err().contains("--weights-key need --weights FILE"), refused.err());
        String weights = "--weights=" + both.getLast();
        String[] more = {weights, "--weights-key=teacher", "--lr=0"};
        Captured trained = Captured.run(TinyRun.train(data, run, 1, more));
        assertEquals(0, trained.code(), trained.err());
        Path checkpoint = run.resolve("checkpoint.safetensors");
        assertStartedFromTeacher(checkpoint);
        Path killed = Files.createDirectory(folder.resolve("killed"));
        Files.copy(run.resolve("config.properties"), killed.resolve("config.properties"));
        Captured again = Captured.run("train", "--resume", killed.toString(), "--no-compare");
        assertEquals(0, again.code(), again.err());
        assertStartedFromTeacher(killed.resolve("checkpoint.safetensors"));
    }

    @Test
    void aFileOfSettingsMaySayItOfWeightsOnTheCommandLine() throws IOException {
        Path config = Files.writeString(folder.resolve("my.properties"), "weights-key = teacher");
        Path run = folder.resolve("run");
        String[] more = {"--weights=" + both.getFirst(), "--config=" + config, "--lr=0"};
        Captured trained = Captured.run(TinyRun.train(TinyRun.data(folder), run, 1, more));
        assertEquals(0, trained.code(), trained.err());
        assertStartedFromTeacher(run.resolve("checkpoint.safetensors"));
    }

    private void assertStartedFromTeacher(Path checkpoint) throws IOException {
        assertEquals("teacher", Checkpoint.metadata(checkpoint).get("run.weights-key"));
        try (Model model = Model.open(checkpoint)) {
            assertArrayEquals(teacher.values(CONV), model.values(CONV));
        }
    }

    @Test
    void theNetworkThatIsLeftOutIsNotedOnce() {
        String file = "src/test/resources/checkpoints/model_and_ema.pth";
        Captured read = Captured.run("train", "--weights=" + file, "--out=" + folder.resolve("r"));
        assertEquals(2, read.code()); // it is no whole DenseNet
        List<String> notes = read.err().lines().filter(l -> l.contains("model_ema")).toList();
        assertEquals(1, notes.size(), read.err());
        assertTrue(notes.getFirst().startsWith("note: " + file), read.err());
        assertTrue(notes.getFirst().contains("'model' are read, not those under model_ema"));
    }

    private static List<String> with(List<String> command, String... more) {
        return Stream.concat(command.stream(), List.of(more).stream()).toList();
    }
}
