package org.densenet4j.profile;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.io.SafetensorsWriter;
import org.densenet4j.plan.MemoryStrategy;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/** A network's weight of 998 ones, and a tensor of two elements, in two strategies' gradients. */
class AgreementTest {
    private static final int ELEMENTS = 998;

    @TempDir Path folder;

    private Path gradients(String name, float weight, float... small) throws IOException {
        float[] large = new float[ELEMENTS];
        Arrays.fill(large, weight);
        Path file = folder.resolve(name);
        new SafetensorsWriter()
                .floats("conv.weight", List.of(ELEMENTS), () -> large)
                .floats("conv.bias", List.of(small.length), () -> small)
                .write(file);
        return file;
    }

    private Agreement compare(Path ours, Path theirs) throws IOException {
        return Agreement.of(
                MemoryStrategy.NAIVE,
                List.of(2.0, 1.0),
                ours,
                MemoryStrategy.SHARED,
                List.of(2.0, 1.25),
                theirs);
    }

    /** The root mean square of all is one: the difference is 4e-8 of it, and 1e-3 counts as one. */
    @Test
    void roundingOfAZeroGradientIsNoDifference() throws IOException {
        Agreement a =
                compare(gradients("ours", 1, 2e-8f, -2e-8f), gradients("theirs", 1, -2e-8f, 2e-8f));
        assertEquals(4e-5, a.tensorDifference(), 1e-7);
        assertEquals("conv.bias", a.tensor());
        assertEquals(4e-8 * Math.sqrt(2.0 / ELEMENTS), a.gradientDifference(), 1e-11);
        assertEquals(0.2, a.lossDifference(), 1e-12);
    }

    @Test
    void aZeroGradientThatIsNotZeroElsewhereIs() throws IOException {
        Agreement a = compare(gradients("ours", 1, 0.5f, -0.5f), gradients("theirs", 1, 0, 0));
        assertTrue(a.tensorDifference() > 100, () -> "only " + a.tensorDifference());
    }

    @Test
    void gradientsAreRelativeToTheirOwnNorm() throws IOException {
        Agreement a =
                compare(gradients("ours", 1, 0.022f, 0.022f), gradients("theirs", 1, 0.02f, 0.02f));
        assertEquals(0.1, a.tensorDifference(), 1e-6);
        Agreement b =
                compare(gradients("large", 1.5f, 0.02f, 0.02f), gradients("one", 1, 0.02f, 0.02f));
        assertEquals(0.5, b.tensorDifference(), 1e-9);
        assertEquals("conv.weight", b.tensor());
    }

    @Test
    void gradientsThatAreAllZeroAgreeWithThemselves() throws IOException {
        Path zero = gradients("zero", 0, 0, 0);
        Agreement a = compare(zero, zero);
        assertEquals(0, a.tensorDifference());
        assertEquals(0, a.gradientDifference());
    }
}
