package org.densenet4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.data.IdxFiles;
import org.densenet4j.weights.Model;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

import javax.imageio.ImageIO;

/** Commands on images of one channel, in the files of MNIST. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class GreyImagesTest {
    @TempDir private static Path shared;

    private Path run;

    @BeforeAll
    void train() throws IOException {
        IdxFiles.write(shared, 40, 12, 28, 20);
        run = shared.resolve("run");
        trained("mnist:", run).mustSucceed();
    }

    private static Captured trained(String source, Path out) {
        List<String> arguments =
                TinyRun.train(shared, out, 1).stream()
                        .map(a -> a.replace("cifar10:", source))
                        .toList();
        return Captured.run(arguments);
    }

    private String weights() {
        return run.resolve("checkpoint.safetensors").toString();
    }

    @Test
    void theNetworkReadsOneChannelAndTheSizeOfTheImages() throws IOException {
        try (Model model = Model.open(Path.of(weights()))) {
            assertEquals(1, model.spec().inputChannels());
            assertEquals(28, model.spec().inputHeight());
            assertEquals(20, model.spec().inputWidth());
        }
    }

    @Test
    void aRunGoesOn() {
        Captured.run("train", "--resume", weights(), "--epochs", "2", "--no-compare").mustSucceed();
    }

    @Test
    void itsImagesAreEvaluatedAndGreyOrColouredFilesClassified() throws IOException {
        Captured evaluated =
                Captured.run("evaluate", "--weights", weights(), "--data", "mnist:" + shared);
        assertTrue(evaluated.mustSucceed().out().startsWith("12 images"), evaluated.out());
        List<String> answers = new ArrayList<>();
        for (int type : new int[] {BufferedImage.TYPE_BYTE_GRAY, BufferedImage.TYPE_INT_RGB}) {
            BufferedImage image = new BufferedImage(20, 28, type);
            image.getRaster().setPixel(9, 9, new int[] {255, 255, 255});
            Path file = shared.resolve("image" + type + ".png");
            ImageIO.write(image, "png", file.toFile());
            Captured predicted = Captured.run("predict", "--weights", weights(), file.toString());
            answers.add(predicted.mustSucceed().out().replace(file.toString(), ""));
        }
        assertEquals(answers.getFirst(), answers.getLast());
    }

    @Test
    void imagesOfAnotherNumberOfChannelsAreRefused() throws IOException {
        Path coloured = TinyRun.data(shared);
        Path ofColours = shared.resolve("coloured-run");
        Captured.run(TinyRun.train(coloured, ofColours, 1)).mustSucceed();
        Path grey = Files.createDirectory(shared.resolve("grey"));
        IdxFiles.write(grey, 3, 3, 32, 32);
        Captured.run(
                        "evaluate",
                        "--weights",
                        ofColours.resolve("checkpoint.safetensors").toString(),
                        "--data",
                        "mnist:" + grey)
                .mustRefuse("takes images of 3 channels, the data has 1 channel");
    }
}
