package org.densenet4j.backend.cuda;

import org.densenet4j.backend.DataType;

import java.util.List;
import java.util.Optional;

/**
 * The kernels of a program for 3x3 convolutions of one width of image; {@code
 * cuda-kernels/dense_layer.cu}, {@code appended_convolution.cuh} and {@code appended_gradient.cuh}
 * are the other side of it.
 */
final class AppendedKernels {
    private static final int ZERO_ROWS = 8;
    private static final int TAPS = 9;

    private final LayerProgram program;
    private final int imageWidth;
    private final int mostSharedBytes;

    /**
     * @param imageWidth columns of pixels
     * @param mostSharedBytes shared memory that a block can have
     */
    AppendedKernels(LayerProgram program, int imageWidth, int mostSharedBytes) {
        this.program = program;
        this.imageWidth = imageWidth;
        this.mostSharedBytes = mostSharedBytes;
    }

    /** Rows of a ring, see {@code cuda-kernels/pixel_ring.cuh}. */
    int ring(LayerKernel kernel) {
        return ring(kernel.rowsOfTile());
    }

    private int ring(int rowsOfTile) {
        int least = 2 * rowsOfTile + 2 * (imageWidth + 1);
        return Math.max(16, Integer.highestOneBit(least - 1) << 1);
    }

    private boolean isBFloat16() {
        return program.type() == DataType.BFLOAT16;
    }

    private int newPanels() {
        return program.panels(program.newChannels());
    }

    private int weightBytes() {
        return TAPS
                * program.newChannels()
                * LayerProgram.PANEL_BYTES
                * program.panels(program.width());
    }

    Optional<LayerKernel> forward(int rows, int multiprocessors) {
        List<LayerKernel> kernels =
                switch (program.width()) {
                    case 48, 64 ->
                            List.of(isBFloat16() ? forward("", 128, 8, 2) : forward("", 64, 4, 2));
                    default -> List.of(forward("", 192, 6, 1), forward("short_", 96, 3, 1));
                };
        return LayerKernel.leastBusy(kernels, rows, multiprocessors, mostSharedBytes);
    }

    private LayerKernel forward(String kind, int rows, int warps, int blocks) {
        int bytes = program.type().bytes();
        int n = program.newChannels();
        int ring = (ring(rows) + ZERO_ROWS) * LayerProgram.PANEL_BYTES;
        int shared =
                ring * program.panels(program.width())
                        + weightBytes()
                        + warps * 8 * (n * bytes + (bytes == 2 ? 16 : 32))
                        + 2 * warps * n * 4
                        + n * 4;
        return new LayerKernel(
                "appended_convolution_" + kind + program.suffix(),
                rows,
                32 * warps,
                blocks,
                shared);
    }

    Optional<LayerKernel> data(int rows, int multiprocessors) {
        List<LayerKernel> kernels =
                switch (program.width()) {
                    case 48, 64 -> List.of(data("", isBFloat16() ? 128 : 64, 4, 2));
                    case 96 -> List.of(data("", 128, 8, 1));
                    default -> List.of(data("", 128, 8, 1), data("short_", 96, 8, 1));
                };
        return LayerKernel.leastBusy(kernels, rows, multiprocessors, mostSharedBytes);
    }

    private LayerKernel data(String kind, int rows, int warps, int blocks) {
        int width = program.width();
        int shared =
                (ring(rows) + ZERO_ROWS) * LayerProgram.PANEL_BYTES * newPanels()
                        + weightBytes()
                        + 2 * rows * LayerProgram.PANEL_BYTES * program.panels(width)
                        + width * 16;
        return new LayerKernel(
                "appended_data_" + kind + program.suffix(), rows, 32 * warps, blocks, shared);
    }

    Optional<LayerKernel> weights() {
        LayerKernel kernel =
                switch (program.width()) {
                    case 48 -> weights(isBFloat16() ? 96 : 48, 2);
                    case 64 -> weights(isBFloat16() ? 128 : 64, 2);
                    case 96 -> weights(96, 1);
                    default -> weights(128, 1);
                };
        return Optional.of(kernel).filter(k -> k.sharedBytes() <= mostSharedBytes);
    }

    private LayerKernel weights(int rows, int blocks) {
        int width = program.width();
        int shared =
                (ring(rows) + ZERO_ROWS) * LayerProgram.PANEL_BYTES * program.panels(width)
                        + 2 * rows * LayerProgram.PANEL_BYTES * newPanels();
        return new LayerKernel(
                "appended_weights_" + program.suffix(), rows, 2 * width, blocks, shared);
    }
}
