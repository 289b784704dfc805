package org.densenet4j.fuzz;

import org.densenet4j.backend.Device;
import org.densenet4j.data.Cifar;
import org.densenet4j.data.Dataset;
import org.densenet4j.data.Glyphs;
import org.densenet4j.data.Image;
import org.densenet4j.data.ImageFile;
import org.densenet4j.data.ImageFolder;
import org.densenet4j.insight.FeatureReuse;
import org.densenet4j.io.Checksum;
import org.densenet4j.io.ParityCase;
import org.densenet4j.io.Safetensors;
import org.densenet4j.io.SafetensorsWriter;
import org.densenet4j.io.Tensor;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.Stem;
import org.densenet4j.testing.DrawnImages;
import org.densenet4j.train.Checkpoint;
import org.densenet4j.train.Trainer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

import javax.imageio.ImageIO;

/** 10,000 damaged files in all. */
class FuzzTest {
    /** A byte of a PNG is 8·1032 pixels of one bit, or 3·8·1032 bytes as RGB; and a half more. */
    private static final long MOST_OF_AN_IMAGE = 36 * 1032;

    @TempDir private Path folder;

    private static void readAll(Dataset data) {
        byte[] pixels = new byte[data.height() * data.width() * data.channels()];
        for (int i = 0; i < data.size(); i++) {
            data.read(i, pixels);
            if (data.label(i) < 0 || data.label(i) >= data.classes()) {
                throw new AssertionError("label " + data.label(i) + " got through");
            }
        }
    }

    private static DenseNetSpec tiny() {
        return DenseNetSpec.builder()
                .name("tiny")
                .growthRate(2)
                .layersPerBlock(1, 1)
                .initialChannels(2)
                .bottleneckWidth(1)
                .compression(0.5)
                .stem(Stem.SMALL)
                .classes(2)
                .inputSize(4)
                .build();
    }

    @Test
    void cifar10() throws IOException {
        Glyphs.generate(folder, 10, 2, 1);
        Fuzzing.Reader reader =
                () -> {
                    Cifar cifar = Cifar.cifar10(folder);
                    readAll(cifar.train());
                    readAll(cifar.test());
                };
        Fuzzing.run(folder.resolve("data_batch_3.bin"), 1200, 1, reader);
        Fuzzing.run(folder.resolve("test_batch.bin"), 600, 2, reader);
    }

    @Test
    void cifar100() throws IOException {
        byte[] records = new byte[3 * 3074];
        records[1] = 99;
        Files.write(folder.resolve("train.bin"), records);
        Files.write(folder.resolve("test.bin"), records);
        Fuzzing.run(
                folder.resolve("train.bin"), 700, 3, () -> readAll(Cifar.cifar100(folder).train()));
    }

    @Test
    void images() throws IOException {
        for (String format : List.of("png", "jpg")) {
            Path file = folder.resolve("a." + format);
            ImageIO.write(DrawnImages.draw("disc", 20, 1), format, file.toFile());
            Fuzzing.runCompressed(
                    file,
                    1250,
                    format.charAt(0),
                    MOST_OF_AN_IMAGE,
                    () -> use(ImageFile.read(file)));
        }
    }

    @Test
    void imageFolders() throws IOException {
        DrawnImages.write(folder, 2, 1, 20);
        Path file = folder.resolve("train/disc/disc0.png");
        Fuzzing.runCompressed(
                file,
                300,
                10,
                MOST_OF_AN_IMAGE,
                () -> {
                    try {
                        readAll(ImageFolder.at(folder.resolve("train")).size(8).open());
                    } catch (UncheckedIOException e) {
                        throw e.getCause();
                    }
                });
    }

    /** Decoded to the last pixel. */
    private static void use(Image image) {
        if (image.pixels().length != image.height() * image.width() * image.channels()) {
            throw new AssertionError(image.toString());
        }
    }

    @Test
    void safetensors() throws IOException {
        Path file = folder.resolve("a.safetensors");
        new SafetensorsWriter()
                .metadata("format", "pt")
                .floats("x", List.of(3, 5), () -> new float[15])
                .longs("steps", List.of(), () -> new long[] {7})
                .floats("empty", List.of(0, 4), () -> new float[0])
                .floats("y", List.of(2, 1, 3), () -> new float[6])
                .write(file);
        Fuzzing.run(
                file,
                2500,
                4,
                () -> {
                    try (Safetensors read = Safetensors.open(file)) {
                        for (String name : read.names()) {
                            if (read.tensor(name).type().isFloat()) {
                                var unused = read.tensor(name).toFloats();
                            } else {
                                var unused = read.tensor(name).toLongs();
                            }
                        }
                    }
                });
    }

    @Test
    void checkpoints() throws IOException {
        Path file = folder.resolve("checkpoint.safetensors");
        try (Device device = Device.cpu();
                Trainer trainer = Trainer.of(tiny(), device).batch(1).open()) {
            trainer.save(file);
            Fuzzing.run(file, 1000, 5, () -> trainer.load(file));
        }
        withoutChecksum(file); // or nothing damaged would get past it
        Fuzzing.run(file, 500, 6, () -> Checkpoint.spec(file));
        Fuzzing.run(file, 500, 7, () -> FeatureReuse.read(file));
    }

    private static void withoutChecksum(Path file) throws IOException {
        SafetensorsWriter writer = new SafetensorsWriter();
        try (Safetensors saved = Safetensors.open(file)) {
            Map<String, String> metadata = new HashMap<>(saved.metadata());
            metadata.remove(Checksum.KEY);
            metadata.forEach(writer::metadata);
            for (String name : saved.names()) {
                Tensor tensor = saved.tensor(name);
                List<Integer> shape = tensor.shape().stream().map(Math::toIntExact).toList();
                writer.floats(name, shape, tensor::toFloats);
            }
            writer.write(file);
        }
    }

    @Test
    void checkpointsThatClaimGiganticNetworks() throws IOException {
        Path file = folder.resolve("checkpoint.safetensors");
        Map<String, String> good = new HashMap<>();
        try (Device device = Device.cpu();
                Trainer trainer = Trainer.of(tiny(), device).batch(1).open()) {
            trainer.save(file);
        }
        try (Safetensors saved = Safetensors.open(file)) {
            good.putAll(saved.metadata());
            good.remove(Checksum.KEY);
        }
        for (String field : good.keySet()) {
            for (String claim :
                    List.of(
                            "0",
                            "-1",
                            "5000",
                            "65536",
                            "1000000",
                            "2147483647",
                            "1e300",
                            "NaN",
                            "1,1,1",
                            "",
                            "x")) {
                SafetensorsWriter writer = new SafetensorsWriter();
                good.forEach((k, v) -> writer.metadata(k, k.equals(field) ? claim : v));
                writer.floats("x", List.of(1), () -> new float[1]).write(file);
                Fuzzing.once(file, () -> FeatureReuse.read(file));
            }
        }
    }

    @Test
    void parityCases() throws IOException {
        Path file = folder.resolve("case.safetensors");
        try (InputStream golden =
                FuzzTest.class.getResourceAsStream("/golden/bc-k12-3x3x3.safetensors")) {
            Files.copy(golden, file);
        }
        Fuzzing.run(
                file,
                100,
                8,
                () -> {
                    try (ParityCase read = ParityCase.open(file)) {
                        var unused = read.toString();
                    }
                });
    }
}
