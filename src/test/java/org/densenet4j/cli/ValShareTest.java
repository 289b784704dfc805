package org.densenet4j.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.testing.DrawnImages;
import org.densenet4j.train.Checkpoint;
import org.densenet4j.weights.Model;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** Folders without images to validate with, classes of different sizes, pixels of one's own. */
class ValShareTest {
    @TempDir private Path folder;
    private Path images;

    @BeforeEach
    void writeImages() throws IOException {
        DrawnImages.write(folder.resolve("drawn"), 6, 0, 16);
        images = Files.move(folder.resolve("drawn/train"), folder.resolve("images"));
    }

    private Captured train(String out, String... more) {
        List<String> arguments =
                new ArrayList<>(List.of("train", "--device", "cpu", "--threads", "1"));
        arguments.addAll(List.of("--data", "folder:" + images, "--model", "bc-10-4"));
        arguments.addAll(List.of("--input-size", "16", "--batch", "4", "--epochs", "1"));
        arguments.addAll(List.of("--no-compare", "--out", folder.resolve(out).toString()));
        arguments.addAll(List.of(more));
        return Captured.run(arguments);
    }

    private Path checkpoint(String run) {
        return folder.resolve(run).resolve("checkpoint.safetensors");
    }

    private Captured evaluate(String run, String... more) {
        List<String> arguments = new ArrayList<>(List.of("evaluate", "--device", "cpu"));
        arguments.addAll(List.of("--weights", checkpoint(run).toString()));
        arguments.addAll(List.of("--data", "folder:" + images));
        arguments.addAll(List.of(more));
        return Captured.run(arguments);
    }

    @Test
    void aShareOfEachClassIsHeldOutAndTheRunRemembersIt() throws IOException {
        Captured run = train("run", "--val-share", "0.34", "--val-seed", "7").mustSucceed();
        assertTrue(run.out().contains("12 training and 6 test images"), run.out());
        assertEquals("0.34", Checkpoint.metadata(checkpoint("run")).get("run.val-share"));
        assertEquals("7", Checkpoint.metadata(checkpoint("run")).get("run.val-seed"));
        Captured resumed =
                Captured.run(
                        "train",
                        "--resume",
                        checkpoint("run").toString(),
                        "--epochs",
                        "2",
                        "--no-compare");
        assertTrue(resumed.mustSucceed().out().contains("12 training and 6 test images"));
        assertFalse(resumed.out().contains("changed  training images"), resumed.out());
        Captured evaluated = evaluate("run").mustSucceed();
        assertTrue(evaluated.out().startsWith("6 images"), evaluated.out());
        assertEquals(
                evaluated.out(),
                evaluate("run", "--val-share", "0.34", "--val-seed", "7").mustSucceed().out());
    }

    @Test
    void trainingImagesBesideTestImagesAreSplitAndTheTestImagesKept() throws IOException {
        Path root = folder.resolve("root");
        DrawnImages.write(root, 4, 2, 16);
        Files.move(root.resolve("val"), root.resolve("test"));
        images = root;
        Captured run = train("run", "--val-share", "0.25").mustSucceed();
        assertTrue(run.out().contains("9 training and 3 test images"), run.out());
        Files.move(root.resolve("test"), root.resolve("validation"));
        train("other", "--val-share", "0.25").mustRefuse("validation", "leave --val-share out");
    }

    @Test
    void aFolderWithoutValidationImagesIsToldOfTheShare() {
        train("run").mustRefuse("--val-share 0.1");
    }

    @Test
    void sharesThatHoldNothingOutOrAreNoneAreRefused() throws IOException {
        train("run", "--val-share", "1").mustRefuse("--val-share 1.0", "between 0 and 1");
        train("run", "--val-seed", "3").mustRefuse("--val-seed needs --val-share");
        for (String name : DrawnImages.CLASSES) {
            try (Stream<Path> files = Files.list(images.resolve(name))) {
                for (Path file : files.skip(1).toList()) {
                    Files.delete(file);
                }
            }
        }
        train("run", "--val-share", "0.5").mustRefuse("no class has two");
        TinyRun.data(folder);
        List<String> arguments = TinyRun.train(folder.resolve("data"), folder.resolve("r"), 1);
        arguments.addAll(List.of("--val-share", "0.1"));
        Captured.run(arguments).mustRefuse("--val-share is for --data folder:DIR or tar:GLOB");
    }

    @Test
    void measuredPixelsAreTheNetworksAndStayThoseOfTheRun() throws IOException {
        train("run", "--val-share", "0.34", "--normalisation", "measured").mustSucceed();
        train("usual", "--val-share", "0.34").mustSucceed();
        float[] mean;
        try (Model measured = Model.open(checkpoint("run"));
                Model usual = Model.open(checkpoint("usual"))) {
            mean = measured.normalisation().mean();
            assertNotEquals(usual.normalisation(), measured.normalisation());
        }
        // Other images now: the run goes on with the numbers that it began with.
        Files.copy(images.resolve("disc/disc0.png"), images.resolve("disc/new.png"));
        Captured resumed =
                Captured.run(
                                "train",
                                "--resume",
                                checkpoint("run").toString(),
                                "--epochs",
                                "2",
                                "--no-compare")
                        .mustSucceed();
        assertFalse(resumed.out().contains("changed  normalisation"), resumed.out());
        try (Model continued = Model.open(checkpoint("run"))) {
            assertArrayEquals(mean, continued.normalisation().mean());
        }
        // Another run starts from these weights, and from their numbers.
        train(
                        "tuned",
                        "--val-share",
                        "0.34",
                        "--weights",
                        checkpoint("run").toString(),
                        "--normalisation",
                        "weights")
                .mustSucceed();
        try (Model tuned = Model.open(checkpoint("tuned"))) {
            assertArrayEquals(mean, tuned.normalisation().mean());
        }
    }

    @Test
    void aNormalisationThatNobodyRecordsIsRefused() {
        train("run", "--val-share", "0.34", "--normalisation", "weights")
                .mustRefuse("--normalisation weights", "use imagenet or measured");
    }

    @Test
    void classesComeEquallyOftenWhereTheRunIsTold() throws IOException {
        train("run", "--val-share", "0.34", "--sampling", "balanced").mustSucceed();
        assertEquals("balanced", Checkpoint.metadata(checkpoint("run")).get("recipe.sampling"));
    }
}
