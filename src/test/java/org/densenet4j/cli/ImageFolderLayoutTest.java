package org.densenet4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.io.Safetensors;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.testing.DrawnImages;
import org.densenet4j.weights.RandomModel;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** Folders as people have them: other names, no split, files that are not used. */
class ImageFolderLayoutTest {
    @TempDir private Path folder;
    private Path images;

    @BeforeEach
    void writeImages() throws IOException {
        images = folder.resolve("my images");
        DrawnImages.write(images, 4, 2, 16);
    }

    private Path weights() throws IOException {
        Files.write(folder.resolve("names.txt"), DrawnImages.CLASSES);
        DenseNetSpec spec = DenseNetSpec.preset("bc-10-4").classes(3).inputSize(16).build();
        return new RandomModel(spec, 1).write(folder.resolve("w.safetensors"));
    }

    private Captured train(String... more) {
        return train(folder.resolve("run"), more);
    }

    private Captured train(Path out, String... more) {
        List<String> arguments =
                new ArrayList<>(
                        List.of(
                                "train",
                                "--device",
                                "cpu",
                                "--threads",
                                "1",
                                "--data",
                                "folder:" + images,
                                "--model",
                                "bc-10-4",
                                "--input-size",
                                "16",
                                "--batch",
                                "4",
                                "--epochs",
                                "1",
                                "--no-compare",
                                "--out",
                                out.toString()));
        arguments.addAll(List.of(more));
        return Captured.run(arguments);
    }

    private Captured evaluate() throws IOException {
        return Captured.run(
                "evaluate",
                "--device",
                "cpu",
                "--weights",
                weights().toString(),
                "--classes-file",
                folder.resolve("names.txt").toString(),
                "--data",
                "folder:" + images);
    }

    @ParameterizedTest
    @ValueSource(strings = {"val", "valid", "validation", "test"})
    void theHeldOutImagesHaveAnyOfTheirUsualNames(String name) throws IOException {
        Files.move(images.resolve("val"), images.resolve(name));
        Captured run = train();
        assertEquals(0, run.code(), run.err());
        assertTrue(run.out().contains("12 training and 6 test images"), run.out());
    }

    @Test
    void itIsSaidWhichOfSeveralFoldersIsTestedOn() throws IOException {
        for (String name : List.of("test", "validation")) {
            Files.createDirectories(images.resolve(name).resolve("disc"));
            Files.copy(
                    images.resolve("train/disc/disc0.png"),
                    images.resolve(name).resolve("disc/0.png"));
        }
        String words =
                "note: testing on %s; not used: %s, %s"
                        .formatted(
                                images.resolve("val"),
                                images.resolve("validation"),
                                images.resolve("test"));
        Captured trained = train();
        assertEquals(0, trained.code(), trained.err());
        assertTrue(trained.err().contains(words), trained.err());
        assertTrue(evaluate().err().contains(words));
        Files.move(images.resolve("test"), folder.resolve("test"));
        Files.move(images.resolve("validation"), folder.resolve("validation"));
        assertFalse(evaluate().err().contains("not used"));
    }

    @Test
    void testImagesAloneAreEvaluatedAndNotTrainedOn() throws IOException {
        Files.move(images.resolve("train"), folder.resolve("elsewhere"));
        Captured evaluated = evaluate();
        assertEquals(0, evaluated.code(), evaluated.err());
        assertTrue(evaluated.out().startsWith("6 images"), evaluated.out());
        train().mustRefuse("has no folder train, only val");
    }

    /** Not with commands that would cut it up. */
    @ParameterizedTest
    @ValueSource(strings = {"val", "train", "test"})
    void aFolderOneLevelTooDeepIsToldWithTheRightOne(String name) throws IOException {
        Path root = images;
        if (!Files.exists(root.resolve(name))) {
            Files.move(root.resolve("val"), root.resolve(name));
        }
        images = root.resolve(name);
        String words = "use --data folder:" + root;
        Captured refused = evaluate();
        refused.mustRefuse(words);
        assertFalse(refused.err().contains("mkdir"), refused.err());
        train().mustRefuse(words);
        images = root.resolve(name).resolve(".");
        train().mustRefuse(words);
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void theCommandsThatAMessageShowsMakeASplit(boolean hasTrain) throws Exception {
        Files.move(images.resolve("train/disc"), images.resolve("train/-disc"));
        Path dashed = images.resolve("train/-disc");
        Files.move(dashed.resolve("disc0.png"), dashed.resolve("-n.png"));
        Files.move(images.resolve("train"), folder.resolve("flat"));
        Path val = images.resolve("val");
        try (Stream<Path> all = Files.walk(val)) {
            for (Path file : all.sorted(java.util.Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
        if (hasTrain) {
            Files.move(folder.resolve("flat"), images.resolve("train"));
        } else {
            Files.delete(images);
            Files.move(folder.resolve("flat"), images);
        }
        Captured refused = train();
        refused.mustRefuse("needs the folders train and val", "hold out every tenth image: ");
        String commands = refused.err().strip().replaceFirst(".*every tenth image: ", "");
        Process shell = new ProcessBuilder("bash", "-c", commands).inheritIO().start();
        assertEquals(0, shell.waitFor());
        Captured run = train();
        assertEquals(0, run.code(), run.err());
        assertTrue(run.out().contains("9 training and 3 test images"), run.out());
    }

    @Test
    void filesThatAreNotUsedAreCountedWhereAFolderIsOpened() throws IOException {
        for (String split : List.of("train", "val")) {
            for (int i = 0; i < 3; i++) {
                Files.writeString(images.resolve(split + "/disc/" + i + ".heic"), "x");
                Files.writeString(images.resolve(split + "/disc/" + i + ".txt"), "x");
            }
        }
        String words = "6 files are left out: 3 .heic, 3 .txt (first: ";
        Captured trained = train();
        assertEquals(0, trained.code(), trained.err());
        assertEquals(
                2,
                trained.err().split("warning: .*: " + java.util.regex.Pattern.quote(words)).length
                        - 1,
                trained.err());
        assertTrue(evaluate().err().contains(words));
        Captured predicted =
                Captured.run(
                        "predict",
                        "--device",
                        "cpu",
                        "--weights",
                        weights().toString(),
                        images.resolve("val").toString());
        assertEquals(0, predicted.code(), predicted.err());
        assertTrue(predicted.err().contains("warning: "), predicted.err());
        assertTrue(predicted.err().contains(words), predicted.err());
    }

    /** The share that evaluation measures is the share of predictions that are right. */
    @Test
    void evaluationMeasuresWhatPredictionSays() throws IOException {
        DrawnImages.write(folder.resolve("more"), 0, 40, 12);
        images = folder.resolve("more");
        Captured evaluated = evaluate();
        Captured predicted =
                Captured.run(
                        "predict",
                        "--device",
                        "cpu",
                        "--weights",
                        weights().toString(),
                        "--classes-file",
                        folder.resolve("names.txt").toString(),
                        "--top",
                        "1",
                        images.resolve("val").toString());
        int right = 0;
        String label = "";
        for (String line : predicted.out().lines().toList()) {
            if (line.startsWith("  ")) {
                right += line.strip().endsWith(label) ? 1 : 0;
            } else {
                label = Path.of(line).getParent().getFileName().toString();
            }
        }
        String accuracy =
                evaluated.out().lines().filter(l -> l.startsWith("accuracy")).findFirst().get();
        assertEquals("%.2f %%".formatted(100 * right / 120.0), accuracy.substring(8).strip());
    }

    @Test
    void optionsOfTheDataSurviveResumeWhateverTheirSize() throws IOException {
        Path run = folder.resolve("run");
        Captured started =
                train(
                        run,
                        "--max-pixels",
                        "3000000000",
                        "--exif-orientation",
                        "--on-broken",
                        "skip");
        assertEquals(0, started.code(), started.err());
        Captured resumed =
                Captured.run(
                        "train",
                        "--device",
                        "cpu",
                        "--resume",
                        run.toString(),
                        "--epochs",
                        "2",
                        "--no-compare");
        assertEquals(0, resumed.code(), resumed.err());
        assertFalse(resumed.out().contains("changed  max-pixels"), resumed.out());
        try (Safetensors saved = Safetensors.open(run.resolve("checkpoint.safetensors"))) {
            String all = saved.metadata().toString();
            assertTrue(all.contains("max-pixels=3000000000"), all);
            assertTrue(all.contains("exif-orientation=true"), all);
            assertTrue(all.contains("on-broken=skip"), all);
        }
    }

    /** A locale without other characters makes two names one. */
    @Test
    void classesWhoseNamesBecomeTheSameAreRefused() throws Exception {
        Path names = folder.resolve("names");
        for (String split : List.of("train", "val")) {
            for (String name : List.of("\u732b", "\u72ac")) {
                Path to = Files.createDirectories(names.resolve(split).resolve(name));
                Files.copy(images.resolve("train/disc/disc0.png"), to.resolve("0.png"));
            }
        }
        ProcessBuilder builder =
                new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "--add-modules",
                        "jdk.incubator.vector",
                        "--enable-native-access=ALL-UNNAMED",
                        "-cp",
                        System.getProperty("java.class.path"),
                        Main.class.getName(),
                        "train",
                        "--device",
                        "cpu",
                        "--data",
                        "folder:names",
                        "--model",
                        "bc-10-4",
                        "--input-size",
                        "16");
        builder.environment().put("LC_ALL", "C");
        Process process = builder.directory(folder.toFile()).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(2, process.waitFor(), output);
        assertTrue(output.contains("LC_ALL=C.UTF-8"), output);
    }
}
