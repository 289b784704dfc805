package org.densenet4j.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.inference.TestTimeAugmentation;
import org.densenet4j.io.Safetensors;
import org.densenet4j.io.Tensor;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;

/**
 * Every change of an image that is no chance against what torchvision made of Pillow's images
 * (scripts/record_augmentations.py), to the bit.
 */
class TorchvisionImagesTest {
    private static Safetensors recorded;

    @BeforeAll
    static void open() throws IOException, URISyntaxException {
        recorded =
                Safetensors.open(
                        Path.of(
                                TorchvisionImagesTest.class
                                        .getResource("/augment/torchvision.safetensors")
                                        .toURI()));
    }

    @AfterAll
    static void close() {
        recorded.close();
    }

    private static Image image(String name) {
        Tensor tensor = recorded.tensor(name);
        List<Long> shape = tensor.shape();
        return new Image(
                Math.toIntExact(shape.get(0)),
                Math.toIntExact(shape.get(1)),
                Math.toIntExact(shape.get(2)),
                tensor.data().toArray(ValueLayout.JAVA_BYTE));
    }

    private static List<String[]> cases(String kind) {
        return recorded.names().stream()
                .filter(name -> name.startsWith(kind + "|"))
                .map(name -> name.split("\\|"))
                .toList();
    }

    private static void compare(String kind, int least, Function<String[], Image> made) {
        List<String[]> cases = cases(kind);
        assertTrue(cases.size() >= least, kind + ": " + cases.size());
        for (String[] one : cases) {
            Image expected = image(String.join("|", one));
            Image found = made.apply(one);
            String name = String.join("|", one);
            assertEquals(expected.height(), found.height(), name);
            assertEquals(expected.width(), found.width(), name);
            assertArrayEquals(expected.pixels(), found.pixels(), name);
        }
    }

    private static int[] numbers(String sizes) {
        return Arrays.stream(sizes.split("x")).mapToInt(Integer::parseInt).toArray();
    }

    private static Interpolation interpolation(String name) {
        return Interpolation.valueOf(name.toUpperCase(Locale.ROOT));
    }

    @Test
    void randAugmentsOperationsAreTorchvisions() {
        for (AugmentOperation operation : AugmentOperation.values()) {
            String theirs = theirName(operation);
            compare(
                    theirs,
                    4,
                    one -> {
                        Image from = image("image." + one[1]);
                        int level = Math.abs(Integer.parseInt(one[2]));
                        double magnitude = operation.magnitude(level, 31, from);
                        return operation.apply(
                                from, one[2].startsWith("-") ? -magnitude : magnitude);
                    });
            boolean bothWays = cases(theirs).stream().anyMatch(one -> one[2].startsWith("-"));
            assertEquals(bothWays, operation.isSigned(), theirs);
        }
    }

    @Test
    void theMagnitudesOfAllLevelsAreTorchvisions() {
        Image image = image("image.rgb");
        int compared = 0;
        for (AugmentOperation operation : AugmentOperation.values()) {
            String name = "magnitudes." + theirName(operation);
            if (recorded.contains(name)) {
                double[] expected = recorded.tensor(name).toDoubles();
                for (int level = 0; level < 31; level++) {
                    // Vectors of linspace round once more than single values.
                    double ulp = Math.ulp((float) expected[level]);
                    assertEquals(expected[level], operation.magnitude(level, 31, image), ulp, name);
                }
                compared++;
            }
        }
        assertEquals(11, compared);
    }

    private static String theirName(AugmentOperation operation) {
        StringBuilder name = new StringBuilder();
        for (String word : operation.name().split("_")) {
            name.append(word.charAt(0)).append(word.substring(1).toLowerCase(Locale.ROOT));
        }
        return name.toString();
    }

    @Test
    void resizingIsPillows() {
        compare(
                "resize",
                20,
                one -> {
                    Image from = image("image." + one[1]);
                    int[] size = numbers(one[3]);
                    return new Resampler(
                                    from, 0, 0, from.height(), from.width(), interpolation(one[2]))
                            .to(size[0], size[1]);
                });
    }

    @Test
    void whatEvaluationSeesIsTorchvisions() {
        compare(
                "crop",
                16,
                one -> {
                    int[] size = numbers(one[4]);
                    double share = (double) size[0] / Integer.parseInt(one[3]);
                    return image("image." + one[1])
                            .resizedAndCropped(size[0], size[1], share, interpolation(one[2]));
                });
    }

    @Test
    void theTenViewsAreTorchvisions() {
        compare(
                "ten",
                20,
                one -> {
                    int size = Integer.parseInt(one[3]);
                    Image from = image("image." + one[1]);
                    CentreCrop crop = new CentreCrop(size, size, from.channels(), 0.875, false);
                    return crop.view(
                            from, TestTimeAugmentation.TEN.views().get(Integer.parseInt(one[4])));
                });
    }

    @Test
    void rotationIsTorchvisions() {
        compare(
                "rotate",
                10,
                one -> {
                    Image from = image("image." + one[1]);
                    return AffineTransform.rotation(
                                    Double.parseDouble(one[2]), from.height(), from.width())
                            .apply(from);
                });
    }

    @Test
    void upsideDownIsTorchvisions() {
        compare("flip", 2, one -> image("image." + one[1]).oriented(ExifOrientation.UPSIDE_DOWN));
    }
}
