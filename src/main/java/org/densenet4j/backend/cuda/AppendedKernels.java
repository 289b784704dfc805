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
    private int ring(int rowsOfTile) {
        int least = 2 * rowsOfTile + 2 * (imageWidth + 1);
        return Math.max(16, Integer.highestOneBit(least - 1) << 1);
    }

    /**
     * What the forward kernel is told: the rows of its ring, or the pixels of a window where Z
     * comes a panel at a time.
     */
    int forwardRing(LayerKernel kernel) {
        return comesByPanels() ? window(kernel.rowsOfTile()) : ring(kernel.rowsOfTile());
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
        return RowSharing.leastBusy(kernels, rows, multiprocessors, mostSharedBytes);
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
                LayerKernel.blocksAtOnce(blocks, shared, mostSharedBytes),
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

    /** The kernel of both gradients. */
    Optional<AppendedGradientKernel> gradient(int rows, int multiprocessors) {
        List<AppendedGradientKernel> kernels =
                switch (program.width()) {
                    case 48 ->
                            List.of(gradient("", data(64, 4), weights(isBFloat16() ? 96 : 48), 2));
                    case 64 ->
                            List.of(gradient("", data(64, 4), weights(isBFloat16() ? 128 : 64), 2));
                    case 96 -> List.of(gradient("", data(128, 8), weights(96), 1));
                    case 192 ->
                            List.of(
                                    gradient("", data(192, 12, PART), weights(128, PART, 3), 1),
                                    gradient(
                                            "short_",
                                            data(96, 12, PART),
                                            weights(128, PART, 3),
                                            1));
                    default ->
                            isBFloat16()
                                    ? List.of(
                                            gradient("", data(128, 8), weights(128), 1),
                                            gradient("short_", data(96, 8), weights(96), 1))
                                    : List.of(
                                            gradient("", data(128, 8, PART), weights(64), 1),
                                            gradient("short_", data(64, 8, PART), weights(32), 1));
                };
        return RowSharing.leastBusy(kernels, rows, multiprocessors, mostSharedBytes);
    }

    private AppendedGradientKernel gradient(
            String kind,
            AppendedGradientKernel.Half data,
            AppendedGradientKernel.Half weights,
            int bounded) {
        int shared = Math.max(data.sharedBytes(), weights.sharedBytes());
        return new AppendedGradientKernel(
                "appended_gradient_" + kind + program.suffix(),
                LayerKernel.blocksAtOnce(bounded, shared, mostSharedBytes),
                data,
                weights);
    }

    private AppendedGradientKernel.Half data(int rows, int warps) {
        return data(rows, warps, program.width());
    }

    private AppendedGradientKernel.Half data(int rows, int warps, int part) {
        int shared =
                (ring(rows) + ZERO_ROWS) * LayerProgram.PANEL_BYTES * newPanels()
                        + weightBytes(part)
                        + 2 * rows * LayerProgram.PANEL_BYTES * program.panels(part)
                        + part * 16;
        return half(rows, 32 * warps, part, shared);
    }

    private AppendedGradientKernel.Half weights(int rows) {
        return weights(rows, program.width(), TAPS);
    }

    /** A warp has 16 channels and so many taps. */
    private AppendedGradientKernel.Half weights(int rows, int part, int taps) {
        int shared =
                (ring(rows) + ZERO_ROWS) * LayerProgram.PANEL_BYTES * program.panels(part)
                        + 2 * rows * LayerProgram.PANEL_BYTES * newPanels();
        return half(rows, 2 * part * (TAPS / taps), part, shared);
    }

    private AppendedGradientKernel.Half half(int rows, int threads, int part, int shared) {
        return new AppendedGradientKernel.Half(
                rows, ring(rows), threads, Math.ceilDiv(channels, part), shared);
    }
}
