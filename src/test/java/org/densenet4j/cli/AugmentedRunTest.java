package org.densenet4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.data.Interpolation;
import org.densenet4j.data.Resizing;
import org.densenet4j.testing.DrawnImages;
import org.densenet4j.weights.Model;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Runs with images that are no squares, resized and changed in other ways than usual. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class AugmentedRunTest {
    @TempDir private static Path folder;
    private Path images;
    private Path run;

    @BeforeAll
    void train() throws IOException {
        images = folder.resolve("images");
        DrawnImages.write(images, 4, 3, 24);
        run = folder.resolve("run");
        trained(run, 2).mustSucceed();
    }

    private Captured trained(Path out, int epochs, String... more) {
        List<String> arguments =
                new ArrayList<>(List.of("train", "--device", "cpu", "--threads", "1"));
        arguments.addAll(List.of("--deterministic", "--data", "folder:" + images));
        arguments.addAll(List.of("--model", "bc-10-4", "--input-size", "16x20"));
        arguments.addAll(List.of("--interpolation", "bicubic", "--crop-share", "0.95"));
        arguments.addAll(List.of("--rand-augment", "2,9", "--random-erasing", "0.5"));
        arguments.addAll(List.of("--erasing-filling", "pixel", "--rotation", "15"));
        arguments.addAll(List.of("--vertical-flip", "--batch", "4", "--no-compare"));
        arguments.addAll(List.of("--epochs", epochs + "", "--out", out.toString()));
        arguments.addAll(List.of(more));
        return Captured.run(arguments);
    }

    private Path checkpoint() {
        return run.resolve("checkpoint.safetensors");
    }

    private Captured with(String command, String... more) {
        List<String> arguments =
                new ArrayList<>(List.of(command, "--weights", checkpoint().toString()));
        arguments.addAll(Arrays.asList(more));
        return Captured.run(arguments);
    }

    @Test
    void theWeightsRecordTheSizeAndHowImagesAreResized() throws IOException {
        try (Model model = Model.open(checkpoint())) {
            assertEquals(16, model.spec().inputHeight());
            assertEquals(20, model.spec().inputWidth());
            assertEquals(
                    new Resizing(Interpolation.BICUBIC, 0.95),
                    model.images().resizing().orElseThrow());
        }
    }

    @Test
    void evaluationSeesTheImagesAsTheRunTestedThem() throws IOException {
        String line = Files.readAllLines(run.resolve("metrics.csv")).getLast();
        Captured evaluated = with("evaluate", "--data", "folder:" + images).mustSucceed();
        String loss = evaluated.out().lines().toList().get(1).replaceAll("\\D*", "");
        assertTrue(line.replace(".", "").contains(loss), line + " has no " + loss);
        Captured other =
                with("evaluate", "--data", "folder:" + images, "--interpolation", "bilinear");
        // bilinear is the usual way, but not of these weights
        assertNotEquals(evaluated.out(), other.mustSucceed().out());
    }

    @Test
    void severalViewsAreAveraged() throws IOException {
        String plain = with("evaluate", "--data", "folder:" + images).mustSucceed().out();
        for (String views : List.of("flip", "five", "ten")) {
            Captured evaluated =
                    with("evaluate", "--data", "folder:" + images, "--tta", views, "--batch", "7");
            assertTrue(evaluated.mustSucceed().out().startsWith("9 images"), evaluated.out());
            assertNotEquals(plain, evaluated.out());
            String photo = images.resolve("val/disc").toString();
            Captured predicted = with("predict", photo, "--tta", views);
            assertEquals(3 * 4, predicted.mustSucceed().out().lines().count(), predicted.out());
            assertNotEquals(with("predict", photo).out(), predicted.out());
        }
    }

    @Test
    void aRunThatGoesOnIsTheSameRun() throws IOException {
        Path first = folder.resolve("first");
        trained(first, 1, "--schedule", "constant").mustSucceed();
        Captured.run(
                        "train",
                        "--resume",
                        first.toString(),
                        "--deterministic",
                        "--epochs",
                        "2",
                        "--no-compare")
                .mustSucceed();
        Path whole = folder.resolve("whole");
        trained(whole, 2, "--schedule", "constant").mustSucceed();
        try (Model one = Model.open(first.resolve("checkpoint.safetensors"));
                Model other = Model.open(whole.resolve("checkpoint.safetensors"))) {
            String name = "features.conv0.weight";
            assertTrue(Arrays.equals(one.values(name), other.values(name)));
        }
    }

    @Test
    void valuesThatAreNoneAreRefusedInOneLine() {
        plain("--rand-augment", "2").mustRefuse("rand-augment = 2", "such as 2,9");
        plain("--rand-augment", "2,31").mustRefuse("level 31", "0 to 30");
        plain("--random-erasing", "2").mustRefuse("random-erasing = 2.0");
        plain("--erasing-filling", "pixel").mustRefuse("--erasing-filling is for");
        plain("--rotation", "200").mustRefuse("rotation = 200.0");
        plain("--crop-share", "1.5").mustRefuse("crop-share = 1.5");
        plain("--input-size", "16x").mustRefuse("such as 224 or 360x480");
        plain("--no-augment", "--rand-augment", "2,9")
                .mustRefuse("--no-augment and --rand-augment");
    }

    private Captured plain(String... more) {
        List<String> arguments = new ArrayList<>(List.of("train", "--data", "folder:" + images));
        arguments.addAll(List.of("--out", folder.resolve("none").toString()));
        arguments.addAll(Arrays.asList(more));
        return Captured.run(arguments);
    }
}
