package org.densenet4j.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import static java.nio.charset.StandardCharsets.UTF_8;

import org.densenet4j.backend.Device;
import org.densenet4j.data.ImageMetadata;
import org.densenet4j.data.Normalisation;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.testing.DrawnImages;
import org.densenet4j.train.RunFolder;
import org.densenet4j.train.Trainer;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

import javax.imageio.ImageIO;

/** No command replaces what it reads, or a file that it did not make. */
@EnabledOnOs({OS.LINUX, OS.MAC})
class OutputsTest {
    @TempDir private Path folder;

    private Path weights;
    private Path photos;

    @BeforeEach
    void writeInputs() throws IOException {
        weights = folder.resolve("w.safetensors");
        DenseNetSpec spec = DenseNetSpec.bc(10, 4).inputSize(8, 8).classes(3).build();
        ImageMetadata normalised =
                new ImageMetadata(Optional.empty(), Optional.of(Normalisation.CIFAR10));
        try (Device device = Device.cpu();
                Trainer trainer = Trainer.of(spec, device).batch(2).images(normalised).open()) {
            trainer.save(weights);
        }
        photos = Files.createDirectory(folder.resolve("photos"));
        for (String name : List.of("a", "b")) {
            picture(photos.resolve(name + ".png"));
        }
    }

    private static void picture(Path file) throws IOException {
        ImageIO.write(DrawnImages.draw("disc", 16, 1), "png", file.toFile());
    }

    private Captured run(String command, Object... more) {
        List<String> all = new ArrayList<>(List.of(command.split(" ", -1)));
        for (Object argument : more) {
            all.add(argument.toString());
        }
        return Captured.run(all);
    }

    private Captured refused(String words, String command, Object... more) {
        Captured result = run(command, more);
        result.mustRefuse(words);
        return result;
    }

    // ---------------------------------------------------------------- inputs

    @Test
    void heatMapsDoNotReplaceThePhotosThatTheyAreDrawnOver() throws IOException {
        byte[] before = Files.readAllBytes(photos.resolve("a.png"));
        for (String option : List.of("", " --overwrite")) {
            refused(
                    "a.png is one of the files that are read",
                    "heatmap --device cpu" + option,
                    "--weights",
                    weights,
                    "--out",
                    photos,
                    photos);
        }
        assertArrayEquals(before, Files.readAllBytes(photos.resolve("a.png")));
    }

    @ParameterizedTest
    @ValueSource(strings = {"onnx", "safetensors"})
    void anExportDoesNotReplaceItsWeights(String format) throws IOException {
        byte[] before = Files.readAllBytes(weights);
        Path link = Files.createSymbolicLink(folder.resolve("link"), weights);
        for (Path out : List.of(weights, link, folder.resolve("./photos/../w.safetensors"))) {
            refused(
                    "is one of the files that are read",
                    "export --overwrite --format " + format,
                    "--weights",
                    weights,
                    "--out",
                    out);
        }
        assertArrayEquals(before, Files.readAllBytes(weights));
    }

    @Test
    void embeddingsReplaceNeitherWeightsNorImagesNorClassNames() throws IOException {
        Path other = Files.copy(weights, folder.resolve("w.npy"));
        Path names = Files.writeString(folder.resolve("e.npy.txt"), "x\ny\nz\n");
        String embed = "embed --device cpu --overwrite --weights";
        refused("w.npy is one of the files", embed, other, "--out", other, photos);
        Path image = Files.copy(photos.resolve("a.png"), folder.resolve("a.csv"));
        refused("a.csv is one of the files", embed, weights, "--out", image, image);
        refused(
                "e.npy.txt is one of the files",
                embed,
                weights,
                "--classes-file",
                names,
                "--out",
                folder.resolve("e.npy"),
                photos);
        assertTrue(Files.notExists(folder.resolve("e.npy")));
    }

    @Test
    void anIndexIsReadWithTheWeightsBesideIt() throws IOException {
        Path index = Files.writeString(folder.resolve("m.safetensors.index.json"), "{}");
        refused(
                "w.safetensors is one of the files that are read",
                "export --overwrite --format onnx --weights",
                index,
                "--out",
                weights);
    }

    @Test
    void aReportDoesNotReplaceWeightsThatHaveItsName() throws IOException {
        Path named = Files.copy(weights, folder.resolve("feature-reuse.csv"));
        refused("is one of the files that are read", "feature-reuse --overwrite --weights", named);
    }

    // ---------------------------------------------------------------- files of others

    @Test
    void aFileThatExistsIsReplacedOnlyWithPermission() throws IOException {
        Path out = Files.writeString(folder.resolve("model.onnx"), "another model");
        refused("exists", "export --format onnx --weights", weights, "--out", out);
        assertEquals("another model", Files.readString(out));
        assertEquals(
                0, run("export --overwrite --format onnx --weights", weights, "--out", out).code());
        assertTrue(Files.size(out) > 1000);

        Path csv = Files.writeString(folder.resolve("notes.csv"), "mine");
        refused("notes.csv exists", "embed --device cpu --weights", weights, "--out", csv, photos);
        refused("notes.csv exists", "bench --json", csv);
        refused("notes.csv exists", "measure --steps 1 --gradients", csv);
        assertEquals("mine", Files.readString(csv));
    }

    @ParameterizedTest
    @ValueSource(strings = {"profile --steps 0", "compare --steps 0"})
    void aReportReplacesAnEarlierOneAndNothingElse(String command) throws IOException {
        Path out = folder.resolve("report");
        String small = command + " --device cpu --model bc-10-4 --input-size 8 --batch 2";
        assertEquals(0, run(small, "--out", out).code());
        assertEquals(0, run(small, "--out", out).code(), "a second run replaces the first");
        Path page = out.resolve("report.html");
        Files.writeString(page, "my own page");
        refused("report.html exists", small, "--out", out);
        assertEquals("my own page", Files.readString(page));
        assertEquals(0, run(small + " --overwrite", "--out", out).code());
        assertTrue(Files.readString(page).contains("<html"));
    }

    @Test
    void heatMapsAreDrawnAgainButNotOverOtherPictures() throws IOException {
        Path out = folder.resolve("maps");
        String heatmap = "heatmap --device cpu --weights";
        assertEquals(0, run(heatmap, weights, "--out", out, photos).code());
        assertEquals(0, run(heatmap, weights, "--class", 1, "--out", out, photos).code());
        picture(out.resolve("b.png"));
        refused("b.png exists", heatmap, weights, "--out", out, photos);
    }

    @Test
    void picturesOfOneNameGetNumbersWhateverTheCase() throws IOException {
        picture(photos.resolve("A.png"));
        picture(photos.resolve("a-2.png"));
        Path out = folder.resolve("maps");
        Captured result = run("heatmap --device cpu --weights", weights, "--out", out, photos);
        assertEquals(0, result.code(), result.err());
        try (var files = Files.list(out)) {
            assertEquals(
                    4,
                    files.map(f -> f.getFileName().toString().toLowerCase(Locale.ROOT))
                            .filter(name -> name.endsWith(".png"))
                            .distinct()
                            .count());
        }
    }

    @Test
    void theReuseReportStandsBesideACheckpointAndLeavesOtherFilesAlone() throws IOException {
        assertEquals(0, run("feature-reuse --weights", weights).code());
        assertEquals(0, run("feature-reuse --scale target --weights", weights).code());
        Path csv = Files.writeString(folder.resolve("feature-reuse.csv"), "mine");
        refused("feature-reuse.csv exists", "feature-reuse --weights", weights);
        assertEquals("mine", Files.readString(csv));
    }

    // ---------------------------------------------------------------- runs

    @Test
    void aRunReplacesNothingInItsFolder() throws IOException {
        String train = "train --device cpu --no-compare --data cifar10:nowhere --out";
        for (String name : List.of("summary.html", "confusion.csv", "run.lock", "metrics.csv")) {
            Path out = Files.createDirectory(folder.resolve("with-" + name));
            Path mine = Files.writeString(out.resolve(name), "mine");
            refused(name, train, out);
            assertEquals("mine", Files.readString(mine));
        }
    }

    @Test
    void aCheckpointThatLiesAmongOtherFilesNeedsAFolderToContinueIn() throws IOException {
        Path data = TinyRun.data(folder);
        Path run = folder.resolve("run");
        assertEquals(0, Captured.run(TinyRun.train(data, run, 1)).code());
        Path downloads = Files.createDirectory(folder.resolve("downloads"));
        Path copy =
                Files.copy(run.resolve("best.safetensors"), downloads.resolve("best.safetensors"));
        byte[] before = Files.readAllBytes(copy);
        refused("say with --out", "train --epochs 2 --resume", copy);
        assertArrayEquals(before, Files.readAllBytes(copy));
        Path next = folder.resolve("next");
        Captured continued = run("train --no-compare --epochs 2 --resume", copy, "--out", next);
        assertEquals(0, continued.code(), continued.err());
        assertArrayEquals(before, Files.readAllBytes(copy));
    }

    @Test
    void whatAKilledProcessLeftHalfWrittenIsRemovedWithTheNextRun() throws IOException {
        Path run = Files.createDirectory(folder.resolve("run"));
        Path half = Files.writeString(run.resolve("checkpoint.safetensors.tmp-123"), "half");
        Path mine = Files.writeString(run.resolve("notes.tmp-1"), "mine");
        RunFolder.create(run).close();
        assertTrue(Files.notExists(half));
        assertTrue(Files.exists(mine));
    }

    @Test
    void foldersNamedAfterTheTimeAreNotShared() throws IOException {
        Path first = NewFolder.make(folder.resolve("runs"), "");
        Set<Path> made = new HashSet<>(Set.of(first));
        for (int i = 0; i < 5; i++) {
            assertTrue(made.add(NewFolder.make(folder.resolve("runs"), "")));
        }
    }

    // ---------------------------------------------------------------- places

    @Test
    void anOutputThatCannotBeMadeIsRefusedBeforeTheWork() throws IOException {
        Path missing = folder.resolve("no/folder/out");
        refused("make it first", "export --format onnx --weights", weights, "--out", missing);
        refused("make it first", "bench --json", missing);
        refused(
                "make it first",
                "embed --device cpu --weights",
                weights,
                "--out",
                missing + ".csv",
                photos);
        refused("is a folder", "export --format onnx --weights", weights, "--out", photos);
        refused("is not a folder", "profile --steps 0 --out", weights);
        refused("is not a folder", "profile --steps 0 --out", weights + "/below");
        refused(
                "is not a folder",
                "heatmap --device cpu --weights",
                weights,
                "--out",
                weights,
                photos);
    }

    @Test
    void aPipeOrDeviceAsOutputGetsTheWholeFile() throws Exception {
        Path pipe = folder.resolve("pipe");
        assertEquals(0, new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor());
        Path file = folder.resolve("received");
        Process reader =
                new ProcessBuilder("cat", pipe.toString()).redirectOutput(file.toFile()).start();
        Path wanted = folder.resolve("m.safetensors");
        String export = "export --format safetensors --weights";
        assertEquals(0, run(export, weights, "--out", pipe).code());
        assertEquals(0, reader.waitFor());
        assertEquals(0, run(export, weights, "--out", wanted).code());
        assertArrayEquals(Files.readAllBytes(wanted), Files.readAllBytes(file));
        assertEquals(0, run(export, weights, "--out", "/dev/null").code());
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void aFullDeviceAsOutputIsOneLine() {
        Captured full =
                run("export --format onnx --weights", weights, "--out", Path.of("/dev/full"));
        full.mustRefuse("cannot write /dev/full: No space left on device");
    }

    // ---------------------------------------------------------------- names

    @Test
    void namesWithLineBreaksStayOnOneLine() throws IOException {
        Path odd = photos.resolve("two\nlines\u001b[2J.png");
        picture(odd);
        Path names = folder.resolve("names.txt");
        Files.write(names, "a\tb\nred \u001b[31m\nplain\n".getBytes(UTF_8));
        Captured predicted =
                run(
                        "predict --device cpu --top 3 --weights",
                        weights,
                        "--classes-file",
                        names,
                        odd);
        assertEquals(0, predicted.code(), predicted.err());
        assertEquals(4, predicted.out().lines().count(), predicted.out());
        assertTrue(predicted.out().contains("two\\nlines\\u001b[2J.png"), predicted.out());
        assertTrue(predicted.out().contains("red \\u001b[31m"), predicted.out());
        assertFalse(predicted.out().contains("\u001b"), predicted.out());

        Captured missing = run("predict --weights", weights, photos.resolve("no\nsuch.png"));
        missing.mustRefuse("no\\nsuch.png: no such file");
    }
}
