package org.densenet4j.parity;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.io.ElementType;
import org.densenet4j.io.ParityCase;
import org.densenet4j.io.Safetensors;
import org.densenet4j.io.SafetensorsWriter;
import org.densenet4j.io.Tensor;
import org.densenet4j.plan.MemoryStrategy;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.function.UnaryOperator;

/**
 * A case of torchvision's own class with an ImageNet stem, in which some gradients are small rests
 * of large terms; it records how far PyTorch's single precision is off there.
 */
class NoiseParityTest {
    private static final Path CASE =
            Path.of("src/test/resources/golden/tv-torchvision-k8.safetensors");

    private static final String NOISE = "noise.train.grad.features.norm0.weight";

    @TempDir private Path folder;

    private static List<ParityCheck.Group> run(Path path, MemoryStrategy strategy)
            throws IOException {
        try (ParityCase parity = ParityCase.open(path);
                Device device =
                        Device.open("cpu", new DeviceOptions(2, false, true).withWinograd(false))) {
            return ParityCheck.run(parity, device, strategy);
        }
    }

    private static ParityCheck.Group gradients(List<ParityCheck.Group> groups) {
        return groups.stream()
                .filter(g -> g.group().equals("train.grad"))
                .findFirst()
                .orElseThrow();
    }

    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void everyNumberOfTorchvisionsClassAgreesWithinTwiceItsNoise(MemoryStrategy strategy)
            throws IOException {
        List<ParityCheck.Group> groups = run(CASE, strategy);
        assertEquals(9, groups.size());
        for (ParityCheck.Group group : groups) {
            assertTrue(group.passed(), group.toString());
        }
    }

    /** The case with one tensor changed. */
    private Path changed(String changed, UnaryOperator<float[]> change) throws IOException {
        Path path = folder.resolve("changed.safetensors");
        SafetensorsWriter writer = new SafetensorsWriter();
        try (Safetensors file = Safetensors.open(CASE)) {
            file.metadata().forEach(writer::metadata);
            for (String name : file.names()) {
                Tensor tensor = file.tensor(name);
                List<Integer> shape = tensor.shape().stream().map(Long::intValue).toList();
                if (tensor.type() == ElementType.I64) {
                    long[] values = tensor.toLongs();
                    writer.longs(name, shape, () -> values);
                } else {
                    float[] values = tensor.toFloats();
                    float[] kept = name.equals(changed) ? change.apply(values) : values;
                    writer.floats(name, shape, () -> kept);
                }
            }
            writer.write(path);
        }
        return path;
    }

    private static UnaryOperator<float[]> times(float factor) {
        return values -> {
            for (int i = 0; i < values.length; i++) {
                values[i] *= factor;
            }
            return values;
        };
    }

    @Test
    void aWrongGradientIsFoundThoughTheCaseAllowsNoise() throws IOException {
        Path path =
                changed("train.grad.features.denseblock2.denselayer1.conv1.weight", times(1.02f));
        ParityCheck.Group group = gradients(run(path, MemoryStrategy.SHARED));
        assertTrue(!group.passed(), group.toString());
        assertEquals("features.denseblock2.denselayer1.conv1.weight", group.worst());
    }

    @Test
    void withoutNoiseTheOrdinaryToleranceHolds() throws IOException {
        Path path = changed(NOISE, times(0));
        ParityCheck.Group group = gradients(run(path, MemoryStrategy.SHARED));
        assertEquals(ParityCheck.GRADIENT_TOLERANCE, group.tolerance());
    }

    @Test
    void noiseThatIsNoNumberIsRefused() throws IOException {
        Path path = changed(NOISE, times(Float.NaN));
        IOException e = assertThrows(IOException.class, () -> run(path, MemoryStrategy.SHARED));
        assertTrue(e.getMessage().contains(NOISE), e.getMessage());
    }
}
