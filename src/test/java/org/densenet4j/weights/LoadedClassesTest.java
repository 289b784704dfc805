package org.densenet4j.weights;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.data.Batch;
import org.densenet4j.data.ImageMetadata;
import org.densenet4j.data.Normalisation;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.io.SafetensorsWriter;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.NetworkShape;
import org.densenet4j.train.Trainer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** A class is its name, also for a classifier that comes from a file. */
class LoadedClassesTest {
    private static final DenseNetSpec SPEC =
            DenseNetSpec.preset("bc-10-4").classes(2).inputSize(8).build();

    @TempDir private Path folder;
    private Device device;
    private Trainer trainer;

    @BeforeEach
    void open() {
        device = Device.cpu();
        trainer = Trainer.of(SPEC, device).batch(2).open();
    }

    @AfterEach
    void close() {
        trainer.close();
        device.close();
    }

    private Path file(String... classNames) throws IOException {
        RandomModel model = new RandomModel(SPEC, 1);
        NetworkShape shape = NetworkShape.of(SPEC);
        SafetensorsWriter writer = new SafetensorsWriter();
        images(classNames).entries().forEach(writer::metadata);
        for (ParameterSpec p :
                Stream.concat(shape.parameters().stream(), shape.buffers().stream()).toList()) {
            writer.floats(p.name(), p.shape(), () -> model.values(p.name()));
        }
        Path path = folder.resolve("m.safetensors");
        writer.write(path);
        return path;
    }

    private static ImageMetadata images(String... classNames) {
        return ImageMetadata.of(List.of(classNames), Normalisation.CIFAR10);
    }

    private static Batch batch(ImageMetadata images) {
        return new Batch(new float[2 * 8 * 8 * 3], new int[] {0, 1}, new int[0], 8, 8, 3, images);
    }

    @Test
    void aKeptClassifierIsNotTrainedOnOtherClasses() throws IOException {
        Weights.load(file("cat", "dog"), trainer.network(), LoadOptions.strict());
        for (ImageMetadata other : List.of(images("horse", "zebra"), images("dog", "cat"))) {
            for (boolean step : new boolean[] {true, false}) {
                IllegalArgumentException e =
                        assertThrows(
                                IllegalArgumentException.class,
                                () -> {
                                    if (step) {
                                        trainer.step(batch(other));
                                    } else {
                                        trainer.evaluate(batch(other));
                                    }
                                });
                assertTrue(e.getMessage().contains("[cat, dog]"), e.getMessage());
                assertTrue(e.getMessage().contains("withResetHead"), e.getMessage());
            }
        }
        trainer.step(batch(images("cat", "dog")));
        trainer.step(batch(ImageMetadata.NONE));
    }

    @Test
    void theNamesOfALoadedClassifierAreSavedThoughNoBatchTellsThem() throws IOException {
        Weights.load(file("cat", "dog"), trainer.network(), LoadOptions.strict());
        trainer.step(batch(ImageMetadata.NONE));
        assertEquals(List.of("cat", "dog"), trainer.images().classNames().orElseThrow());
        Path saved = folder.resolve("saved.safetensors");
        trainer.save(saved);
        assertEquals(List.of("cat", "dog"), Weights.images(saved).classNames().orElseThrow());
    }

    @Test
    void namesThatTheTrainerWasToldAreComparedWithTheLoadedOnes() throws IOException {
        trainer.images(images("horse", "zebra"));
        Weights.load(file("cat", "dog"), trainer.network(), LoadOptions.strict());
        assertThrows(IllegalArgumentException.class, () -> trainer.step(batch(ImageMetadata.NONE)));
        Path saved = folder.resolve("saved.safetensors");
        assertThrows(IllegalArgumentException.class, () -> trainer.save(saved));
        assertFalse(Files.exists(saved));
    }

    @Test
    void aNewClassifierIsForAnyClasses() throws IOException {
        Path path = file("cat", "dog");
        Weights.load(path, trainer.network(), LoadOptions.strict());
        Weights.load(path, trainer.network(), LoadOptions.strict().withResetHead(true));
        assertEquals(List.of(), trainer.network().classNames());
        trainer.step(batch(images("horse", "zebra")));
    }

    @Test
    void namesThatAreNotOnePerClassAreRefused() throws IOException {
        Path path = file("cat", "dog", "horse");
        IOException e =
                assertThrows(
                        IOException.class,
                        () -> Weights.load(path, trainer.network(), LoadOptions.strict()));
        assertTrue(e.getMessage().contains("names 3 classes"), e.getMessage());
    }
}
