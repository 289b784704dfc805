package org.densenet4j.contract;

import org.densenet4j.backend.Matrix;
import org.junit.jupiter.api.Test;

/** {@link org.densenet4j.backend.Kernels#copyWindow} against its definition. */
abstract class WindowContract extends OpenedDevice {
    private static final int CASES = 40;

    @Test
    void aWindowHasTheImagesPixelsInsideAndZerosOutside() {
        forRandomCases(
                CASES,
                a -> check(a, between(a, -9, 9), between(a, -9, 9), side(a), side(a), side(a)));
    }

    @Test
    void aWindowBesideTheImageIsZero() {
        forRandomCases(
                4,
                a -> {
                    int width = side(a);
                    check(a, between(a, -3, 3), width + a.random.nextInt(3), side(a), width, 2);
                });
    }

    @Test
    void theWholeImageIsCopied() {
        forRandomCases(
                4,
                a -> {
                    int width = side(a);
                    check(a, 0, 0, side(a), width, width);
                });
    }

    private static int side(GuardedArena a) {
        return 1 + a.random.nextInt(9);
    }

    private static int between(GuardedArena a, int low, int high) {
        return a.random.nextInt(low, high + 1);
    }

    private static void check(
            GuardedArena a, int top, int left, int height, int width, int windowWidth) {
        int images = 1 + a.random.nextInt(3);
        int windowHeight = a.random.nextBoolean() ? height : side(a);
        int channels = a.channels();
        Matrix source = a.values(matrix(a, images * height * width, channels), g -> g == 0 ? 1 : g);
        Matrix target = matrix(a, images * windowHeight * windowWidth, channels);
        a.upload();
        a.kernels()
                .copyWindow(
                        source,
                        height,
                        width,
                        target,
                        windowHeight,
                        windowWidth,
                        images,
                        top,
                        left);
        a.expect(
                target,
                0,
                (r, c, t) -> {
                    int x = r % windowWidth + left;
                    int y = r / windowWidth % windowHeight + top;
                    int image = r / windowWidth / windowHeight;
                    boolean inside = x >= 0 && x < width && y >= 0 && y < height;
                    t.add(inside ? a.value(source, (image * height + y) * width + x, c) : 0);
                });
        a.check();
    }

    /** Dense ones move in one piece. */
    private static Matrix matrix(GuardedArena a, int rows, int channels) {
        return a.random.nextBoolean()
                ? a.activationOutput(rows, channels)
                : a.denseActivationOutput(rows, channels);
    }
}
