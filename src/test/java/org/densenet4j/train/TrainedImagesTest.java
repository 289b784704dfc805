package org.densenet4j.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.data.Batch;
import org.densenet4j.data.ImageMetadata;
import org.densenet4j.data.Normalisation;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.weights.Model;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** A network is trained, tested and saved with the images of one meaning. */
class TrainedImagesTest {
    private static final DenseNetSpec SPEC =
            DenseNetSpec.bc(10, 4).classes(3).inputSize(8, 8).build();
    private static final List<String> NAMES = List.of("a", "b", "c");
    private static final ImageMetadata CIFAR = ImageMetadata.of(NAMES, Normalisation.CIFAR10);
    private static final ImageMetadata IMAGENET = ImageMetadata.of(NAMES, Normalisation.IMAGENET);

    @TempDir private Path folder;
    private final Device device = Device.open("cpu", DeviceOptions.defaults().withThreads(1));
    private Trainer trainer;

    @BeforeEach
    void opens() {
        trainer = open(ImageMetadata.NONE);
    }

    @AfterEach
    void closes() {
        trainer.close();
        device.close();
    }

    private Trainer open(ImageMetadata images) {
        return Trainer.of(SPEC, device).batch(3).images(images).open();
    }

    private static Batch batch(ImageMetadata metadata) {
        return batch(metadata, 0.5f);
    }

    private static Batch batch(ImageMetadata metadata, float first) {
        float[] images = new float[3 * 8 * 8 * 3];
        for (int i = 0; i < images.length; i++) {
            images[i] = i == 0 ? first : (float) Math.sin(i * i);
        }
        return new Batch(images, new int[] {0, 1, 2}, new int[0], 8, 8, 3, metadata);
    }

    private static <T extends Exception> void refuses(
            Class<T> type, Executable call, String... parts) {
        String message = assertThrows(type, call).getMessage();
        for (String part : parts) {
            assertTrue(message.contains(part), message);
        }
        assertEquals(1, message.lines().count());
    }

    private static void refuses(Executable call, String... parts) {
        refuses(IllegalArgumentException.class, call, parts);
    }

    private static ImageMetadata saved(Path file) throws IOException {
        try (Model model = Model.open(file)) {
            return model.images();
        }
    }

    private void refusesImageNet(Trainer trained) {
        for (Executable use :
                List.<Executable>of(
                        () -> trained.step(batch(IMAGENET)),
                        () -> trained.evaluate(batch(IMAGENET)))) {
            refuses(use, "mean [0.485, ", "with mean [0.4914, ", "Trainer.images(...)");
        }
    }

    @Test
    void theFirstBatchThatIsTrainedOnDecidesTheNormalisation() throws IOException {
        trainer.step(batch(CIFAR));
        refusesImageNet(trainer);
        trainer.step(batch(new ImageMetadata(CIFAR.classNames(), CIFAR.normalisation())));
        trainer.step(batch(ImageMetadata.NONE)); // of the caller's own arrays nothing is known
        assertEquals(3, trainer.steps());
        Path file = folder.resolve("saved.safetensors");
        trainer.save(file);
        assertEquals(CIFAR, saved(file));
        try (Trainer loaded = open(ImageMetadata.NONE)) {
            loaded.load(file);
            assertEquals(CIFAR, loaded.images());
            refusesImageNet(loaded);
            loaded.step(batch(CIFAR));
        }
    }

    @Test
    void whatATrainerIsToldBindsItsBatchesAndFiles() throws IOException {
        Path file = folder.resolve("saved.safetensors");
        trainer.step(batch(CIFAR));
        trainer.save(file);
        try (Trainer told = open(CIFAR)) {
            refusesImageNet(told);
        }
        ImageMetadata onlyNormalised =
                new ImageMetadata(Optional.empty(), IMAGENET.normalisation());
        try (Trainer told = open(onlyNormalised)) {
            float[] before = told.network().parameter("features.conv0.weight");
            refuses(
                    IOException.class,
                    () -> told.load(file),
                    "mean [0.4914, ",
                    "this trainer has mean [0.485, ");
            assertArrayEquals(before, told.network().parameter("features.conv0.weight"));
            assertEquals(onlyNormalised, told.images());
        }
    }

    @Test
    void aChangeThatIsMeantIsTold() throws IOException {
        Path file = folder.resolve("saved.safetensors");
        trainer.step(batch(CIFAR));
        trainer.images(IMAGENET);
        trainer.step(batch(IMAGENET));
        refuses(() -> trainer.step(batch(CIFAR)), "mean [0.4914, ");
        trainer.save(file);
        assertEquals(IMAGENET, saved(file));
    }

    @Test
    void onlyImagesThatWereTrainedOnDecide() {
        ImageMetadata others = ImageMetadata.of(List.of("x", "y", "z"), Normalisation.IMAGENET);
        trainer.evaluate(batch(others));
        assertThrows(NonFiniteException.class, () -> trainer.step(batch(others, Float.NaN)));
        assertEquals(ImageMetadata.NONE, trainer.images());
        trainer.step(batch(CIFAR));
        assertEquals(CIFAR, trainer.images());
        refuses(() -> trainer.evaluate(batch(others)), "[x, y, z]", "was trained on [a, b, c]");
    }

    @Test
    void whatIsNotOfTheNetworkIsNeverSaved() throws IOException {
        ImageMetadata two = ImageMetadata.of(List.of("a", "b"), Normalisation.CIFAR10);
        ImageMetadata grey =
                ImageMetadata.of(NAMES, new Normalisation(new float[1], new float[] {1}));
        Path file = folder.resolve("saved.safetensors");
        trainer.step(batch(ImageMetadata.NONE));
        trainer.save(file);
        byte[] good = Files.readAllBytes(file);
        for (ImageMetadata wrong : List.of(two, grey)) {
            String why = wrong == two ? "names of 2 classes" : "normalisation of 1 channels";
            refuses(() -> open(wrong), why);
            refuses(() -> trainer.step(batch(wrong)), why);
            refuses(() -> trainer.images(wrong), why);
            refuses(() -> trainer.save(file, wrong.entries()), why);
        }
        Path older = folder.resolve("older.safetensors");
        Checkpoint.save(older, trainer.network(), SPEC, two.entries(), 0);
        refuses(IOException.class, () -> trainer.load(older), "names of 2 classes");
        assertEquals(1, trainer.steps());
        assertArrayEquals(good, Files.readAllBytes(file));
        trainer.step(batch(CIFAR));
        List<String> turned = List.of("c", "b", "a");
        Map<String, String> notes = ImageMetadata.of(turned, Normalisation.CIFAR10).entries();
        refuses(() -> trainer.save(file, notes), "[c, b, a]", "[a, b, c]");
        assertArrayEquals(good, Files.readAllBytes(file));
    }

    @Test
    void notesMayTellWhatIsNotKnown() throws IOException {
        Path file = folder.resolve("saved.safetensors");
        trainer.step(batch(ImageMetadata.NONE));
        trainer.save(file, CIFAR.entries());
        assertEquals(CIFAR, saved(file));
    }
}
