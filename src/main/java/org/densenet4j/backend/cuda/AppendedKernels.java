package org.densenet4j.backend.cuda;

import org.densenet4j.backend.DataType;

import java.util.List;
import java.util.Optional;

/**
 * The kernels of a program for 3x3 convolutions of one number of channels and width of image;
 * {@code cuda-kernels/dense_layer.cu}, {@code appended_convolution.cuh}, {@code
 * appended_convolution_by_panels.cuh} and {@code appended_gradient.cuh} are the other side of it.
 */
final class AppendedKernels {
    private static final int ZERO_ROWS = 8;
    private static final int TAPS = 9;

    /** Channels of a block of a gradient whose blocks have parts of them. */
    private static final int PART = 64;

    private final LayerProgram program;
    private final int channels;
    private final int imageWidth;
    private final int mostSharedBytes;

    /**
     * @param channels of the bottleneck
     * @param imageWidth columns of pixels
     * @param mostSharedBytes shared memory that a block can have
     */
    AppendedKernels(LayerProgram program, int channels, int imageWidth, int mostSharedBytes) {
        this.program = program;
        this.channels = channels;
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

    /**
     * What the forward kernel is told: the rows of its ring, or the pixels of a window where Z
     * comes a panel at a time.
     */
    int forwardRing(LayerKernel kernel) {
        return comesByPanels() ? window(kernel.rowsOfTile()) : ring(kernel);
    }

    private int window(int rowsOfTile) {
        return rowsOfTile + 2 * (imageWidth + 1);
    }

    /** Whether all weights leave no room for a ring of all channels. */
    private boolean comesByPanels() {
        return program.width() == (isBFloat16() ? 192 : 128);
    }

    private boolean isBFloat16() {
        return program.type() == DataType.BFLOAT16;
    }

    private int newPanels() {
        return program.panels(program.newChannels());
    }

    /** Of so many channels. */
    private int weightBytes(int width) {
        return TAPS * program.newChannels() * LayerProgram.PANEL_BYTES * program.panels(width);
    }

    Optional<LayerKernel> forward(int rows, int multiprocessors) {
        List<LayerKernel> kernels =
                switch (program.width()) {
                    case 48, 64 ->
                            List.of(isBFloat16() ? forward("", 128, 8, 2) : forward("", 64, 4, 2));
                    case 192 -> List.of(byPanels("", 128), byPanels("short_", 96));
                    default ->
                            isBFloat16()
                                    ? List.of(forward("", 192, 6, 1), forward("short_", 96, 3, 1))
                                    : List.of(
                                            byPanels("", 192),
                                            byPanels("middle_", 128),
                                            byPanels("short_", 96));
                };
        return LayerKernel.leastBusy(kernels, rows, multiprocessors, mostSharedBytes);
    }

    private LayerKernel forward(String kind, int rows, int warps, int blocks) {
        int ring = (ring(rows) + ZERO_ROWS) * LayerProgram.PANEL_BYTES;
        int shared =
                ring * program.panels(program.width())
                        + weightBytes(program.width())
                        + finishedBytes(warps);
        return new LayerKernel(
                "appended_convolution_" + kind + program.suffix(),
                rows,
                32 * warps,
                blocks,
                1,
                shared);
    }

    /** What finished columns take, {@code cuda-kernels/appended_columns.cuh}. */
    private int finishedBytes(int warps) {
        int bytes = program.type().bytes();
        int n = program.newChannels();
        return warps * 8 * (n * bytes + (bytes == 2 ? 16 : 32)) + 2 * warps * n * 4 + n * 4;
    }

    /** A kernel to which Z comes a panel at a time, with a warp for 32 pixels. */
    private LayerKernel byPanels(String kind, int rows) {
        int warps = rows / 32;
        int fixed =
                weightBytes(program.width())
                        + ZERO_ROWS * LayerProgram.PANEL_BYTES
                        + finishedBytes(warps);
        int shared =
                Math.ceilDiv(fixed, LayerProgram.PANEL_BYTES) * LayerProgram.PANEL_BYTES
                        + 2 * window(rows) * LayerProgram.PANEL_BYTES;
        return new LayerKernel(
                "appended_convolution_" + kind + program.suffix(), rows, 32 * warps, 1, 1, shared);
    }

    Optional<LayerKernel> data(int rows, int multiprocessors) {
        List<LayerKernel> kernels =
                switch (program.width()) {
                    case 48, 64 -> List.of(data("", isBFloat16() ? 128 : 64, 4, 2));
                    case 96 -> List.of(data("", 128, 8, 1));
                    case 192 -> List.of(data("", 192, 12, 1, PART), data("short_", 96, 6, 2, PART));
                    default ->
                            isBFloat16()
                                    ? List.of(data("", 128, 8, 1), data("short_", 96, 8, 1))
                                    : List.of(
                                            data("", 128, 8, 1, PART),
                                            data("short_", 64, 4, 1, PART));
                };
        return LayerKernel.leastBusy(kernels, rows, multiprocessors, mostSharedBytes);
    }

    private LayerKernel data(String kind, int rows, int warps, int blocks) {
        return data(kind, rows, warps, blocks, program.width());
    }

    private LayerKernel data(String kind, int rows, int warps, int blocks, int part) {
        int shared =
                (ring(rows) + ZERO_ROWS) * LayerProgram.PANEL_BYTES * newPanels()
                        + weightBytes(part)
                        + 2 * rows * LayerProgram.PANEL_BYTES * program.panels(part)
                        + part * 16;
        return new LayerKernel(
                "appended_data_" + kind + program.suffix(),
                rows,
                32 * warps,
                blocks,
                Math.ceilDiv(channels, part),
                shared);
    }

    Optional<LayerKernel> weights(int rows, int multiprocessors) {
        List<LayerKernel> kernels =
                switch (program.width()) {
                    case 48 -> List.of(weights("", isBFloat16() ? 96 : 48, 2));
                    case 64 -> List.of(weights("", isBFloat16() ? 128 : 64, 2));
                    case 96 -> List.of(weights("", 96, 1));
                    case 192 -> List.of(weights("", 128, 1, PART, 3));
                    default ->
                            isBFloat16()
                                    ? List.of(weights("", 128, 1))
                                    : List.of(weights("", 64, 1), weights("short_", 32, 1));
                };
        return LayerKernel.leastBusy(kernels, rows, multiprocessors, mostSharedBytes);
    }

    private LayerKernel weights(String kind, int rows, int blocks) {
        return weights(kind, rows, blocks, program.width(), TAPS);
    }

    /** A warp has 16 channels and so many taps. */
    private LayerKernel weights(String kind, int rows, int blocks, int part, int taps) {
        int shared =
                (ring(rows) + ZERO_ROWS) * LayerProgram.PANEL_BYTES * program.panels(part)
                        + 2 * rows * LayerProgram.PANEL_BYTES * newPanels();
        return new LayerKernel(
                "appended_weights_" + kind + program.suffix(),
                rows,
                2 * part * (TAPS / taps),
                blocks,
                Math.ceilDiv(channels, part),
                shared);
    }
}
