package org.densenet4j.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class PixelGroupsTest {
    @Test
    void fewClassesShareAWarpAndTheDeviceIsFilledWherePixelsSuffice() {
        assertEquals(new Grid(12, 1, 16, 16), PixelGroups.of(360 * 480, 11, 12).grid());
        assertEquals(new Grid(2, 1, 1, 256), PixelGroups.of(300, 1, 660).grid());
        assertEquals(new Grid(1, 1, 32, 8), PixelGroups.of(5, 33, 660).grid());
    }

    @Test
    void talliesFitIntoScratch() {
        for (int classes = 1; classes < 80_000; classes += 1 + classes / 3) {
            PixelGroups groups = PixelGroups.of(1 << 20, classes, 660);
            long bytes = 4L * groups.count() * (1 + 3L * classes);
            assertTrue(bytes <= Tiling.REDUCTION_BYTES, classes + " classes: " + groups);
        }
        IllegalArgumentException e =
                assertThrows(IllegalArgumentException.class, () -> PixelGroups.of(1, 1 << 20, 660));
        assertEquals(
                "1048576 classes of pixels; this device can count 87381 at most", e.getMessage());
    }
}
