package org.densenet4j.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.IntUnaryOperator;

class LabelCountsTest {
    @TempDir private Path root;

    private SegmentationFolder set(IntUnaryOperator label) throws IOException {
        for (int i = 0; i < 5; i++) {
            LabelImages.rgb(root.resolve("train/" + i + ".png"), 2, 3, p -> 0);
            LabelImages.grey(root.resolve("trainannot/" + i + ".png"), 2, 3, label);
        }
        return SegmentationFolder.at(root, SegmentationClasses.numbered(3)).open();
    }

    @Test
    void pixelsAreCountedByClass() throws IOException {
        LabelCounts counts = LabelCounts.of(set(p -> List.of(0, 0, 0, 2, 255, 255).get(p)));
        assertEquals(15, counts.pixels(0));
        assertEquals(0, counts.pixels(1));
        assertEquals(5, counts.pixels(2));
        assertEquals(10, counts.voidPixels());
        assertEquals(30, counts.allPixels());
        assertEquals(List.of("1"), counts.missing());
        assertEquals(Optional.empty(), counts.suspicion());
    }

    @Test
    void masksOf0And255AreSuspicious() throws IOException {
        String line = LabelCounts.of(set(p -> p % 2 == 0 ? 0 : 255)).suspicion().orElseThrow();
        assertTrue(line.startsWith("all pixels with a label are of class 0 '0', and 15 are void;"));
        assertTrue(
                LabelCounts.of(set(p -> 255))
                        .suspicion()
                        .orElseThrow()
                        .startsWith("all pixels are void"));
    }

    @Test
    void aWrongLabelImageIsNamed() throws IOException {
        SegmentationFolder set = set(p -> 1);
        LabelImages.grey(root.resolve("trainannot/3.png"), 2, 3, p -> 7);
        UncheckedIOException e =
                assertThrows(UncheckedIOException.class, () -> LabelCounts.of(set));
        assertTrue(e.getMessage().contains("3.png: class index 7"), e.getMessage());
    }
}
