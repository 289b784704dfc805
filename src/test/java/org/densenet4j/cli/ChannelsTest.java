package org.densenet4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.data.IdxFiles;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.testing.DrawnImages;
import org.densenet4j.weights.Model;
import org.densenet4j.weights.RandomModel;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Grey images from files in colour, and weights of colour images that start such networks. */
class ChannelsTest {
    @TempDir private Path folder;
    private Path images;
    private Path weights;

    @BeforeEach
    void write() throws IOException {
        images = folder.resolve("images");
        DrawnImages.write(images, 4, 2, 16);
        DenseNetSpec spec = DenseNetSpec.preset("bc-10-4").classes(7).build();
        weights = new RandomModel(spec, 1).writeForeign(folder.resolve("w.safetensors"), n -> n);
    }

    private Captured train(String data, String... more) {
        List<String> arguments =
                new ArrayList<>(List.of("train", "--device", "cpu", "--threads", "1"));
        arguments.addAll(List.of("--data", data, "--model", "bc-10-4", "--batch", "4"));
        arguments.addAll(List.of("--epochs", "1", "--no-compare"));
        arguments.addAll(List.of("--out", folder.resolve("run").toString()));
        arguments.addAll(List.of(more));
        return Captured.run(arguments);
    }

    @Test
    void filesAreReadAsGreyAndColouredWeightsAdapted() throws IOException {
        Captured run =
                train(
                                "folder:" + images,
                                "--input-size",
                                "16",
                                "--channels",
                                "1",
                                "--weights",
                                weights.toString(),
                                "--reset-head")
                        .mustSucceed();
        assertTrue(
                run.out().contains("adapted features.conv0.weight of 3 channels is summed"),
                run.out());
        Path checkpoint = folder.resolve("run/checkpoint.safetensors");
        try (Model model = Model.open(checkpoint)) {
            assertEquals(1, model.spec().inputChannels());
            assertEquals(0.449f, model.normalisation().mean()[0], 1e-3f);
            assertEquals(0.226f, model.normalisation().deviation()[0], 1e-3f);
        }
        Captured evaluated =
                Captured.run(
                        "evaluate",
                        "--weights",
                        checkpoint.toString(),
                        "--data",
                        "folder:" + images);
        assertTrue(evaluated.mustSucceed().out().startsWith("6 images"), evaluated.out());
        Captured.run("train", "--resume", checkpoint.toString(), "--epochs", "2", "--no-compare")
                .mustSucceed();
        Captured.run("train", "--resume", checkpoint.toString(), "--channels", "3")
                .mustRefuse("--channels 3 does not fit the run");
    }

    @Test
    void setsOfGreyImagesStartFromColouredWeightsToo() throws IOException {
        IdxFiles.write(folder, 20, 4, 28, 20);
        Captured run =
                train("mnist:" + folder, "--weights", weights.toString(), "--reset-head")
                        .mustSucceed();
        assertTrue(run.out().contains("adapted features.conv0.weight"), run.out());
    }

    @Test
    void channelsThatTheDataDoesNotHaveAreRefused() throws IOException {
        IdxFiles.write(folder, 20, 4, 28, 20);
        train("mnist:" + folder, "--channels", "3")
                .mustRefuse("--channels 3 does not fit the data, which has images of 1");
        train("folder:" + images, "--channels", "4")
                .mustRefuse("4 channels, and files of images give 3, or 1 as grey");
    }
}
