package org.densenet4j.backend.cuda;

import org.densenet4j.backend.DataType;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The 1x1 convolution's kernels of a program; {@code cuda-kernels/dense_layer.cu}, {@code
 * pointwise_forward.cuh} and {@code pointwise_backward.cuh} are the other side of it.
 */
final class PointwiseKernels {
    /** Columns of X that a block of the backward kernel owns at most. */
    private static final int MOST_COLUMNS = 128;

    private final LayerProgram program;
    private final int mostSharedBytes;

    /**
     * @param mostSharedBytes shared memory that a block can have
     */
    PointwiseKernels(LayerProgram program, int mostSharedBytes) {
        this.program = program;
        this.mostSharedBytes = mostSharedBytes;
    }

    /** Columns of packed weights: whole panels, and whole blocks of the backward kernel. */
    static int packedStride(LayerProgram program, int inputs) {
        int whole = Math.max(program.panelElements(), MOST_COLUMNS);
        return Math.ceilDiv(inputs, whole) * whole;
    }

    /** The forward kernel for so many rows. */
    Optional<LayerKernel> forward(int rows, int inputs, int multiprocessors) {
        return RowSharing.leastBusy(forwards(inputs), rows, multiprocessors, mostSharedBytes);
    }

    private List<LayerKernel> forwards(int inputs) {
        List<LayerKernel> kernels = new ArrayList<>();
        boolean bfloat16 = program.type() == DataType.BFLOAT16;
        switch (program.width()) {
            case 48, 64 -> {
                kernels.add(forward("kept", 128, 8, 1, 3, true, 2, inputs));
                kernels.add(forward("short", 32, 2, 1, 4, false, 4, inputs));
            }
            case 96 -> {
                kernels.add(forward("kept", 128, 4, 2, 3, true, 1, inputs));
                kernels.add(forward("short", 32, 2, 2, 4, false, 3, inputs));
            }
            case 192 -> {
                kernels.add(forward("kept", 192, 4, 3, 3, true, 1, inputs));
                kernels.add(forward("streamed", 192, 4, 3, 3, false, 1, inputs));
                kernels.add(forward("short", 96, 2, 3, 3, false, 1, inputs));
            }
            default -> {
                if (bfloat16) {
                    kernels.add(forward("kept", 192, 6, 2, 3, true, 1, inputs));
                }
                kernels.add(forward("streamed", 192, 6, 2, 4, false, 1, inputs));
                kernels.add(forward("short", 64, 2, 2, 4, false, 2, inputs));
            }
        }
        return kernels;
    }

    private LayerKernel forward(
            String kind,
            int rows,
            int warpsDown,
            int warpsAcross,
            int stages,
            boolean weightsStay,
            int blocks,
            int inputs) {
        int width = program.width();
        int bytes = program.type().bytes();
        int panels = program.panels(inputs);
        int weightPanel = width * LayerProgram.PANEL_BYTES;
        int rowPitch = width / warpsAcross * bytes + (bytes == 2 ? 16 : 32);
        int shared =
                stages * rows * LayerProgram.PANEL_BYTES
                        + warpsDown * warpsAcross * 8 * rowPitch
                        + 2 * warpsDown * width * 4
                        + (width * 4 + 127) / 128 * 128
                        + (weightsStay ? panels : stages) * weightPanel
                        + panels * program.panelElements() * 8;
        return new LayerKernel(
                "pointwise_forward_" + kind + "_" + program.suffix(),
                rows,
                32 * warpsDown * warpsAcross,
                LayerKernel.blocksAtOnce(blocks, shared, mostSharedBytes),
                1,
                shared);
    }

    /** The backward kernel, where it fits. */
    Optional<LayerKernel> backward() {
        boolean bfloat16 = program.type() == DataType.BFLOAT16;
        LayerKernel kernel =
                switch (program.width()) {
                    case 48 -> backward(64, 4, bfloat16 ? 3 : 1);
                    case 64 -> backward(bfloat16 ? 64 : 32, 4, bfloat16 ? 2 : 1);
                    case 96 -> backward(64, 4, 2);
                    case 192 -> backward(48, 12, 1);
                    default -> backward(bfloat16 ? 64 : 32, 8, 1);
                };
        return Optional.of(kernel).filter(k -> k.sharedBytes() <= mostSharedBytes);
    }

    /** Columns of X that a block of the backward kernel owns. */
    int backwardColumns() {
        return program.width() < 128 ? 64 : 128;
    }

    private LayerKernel backward(int rows, int warps, int blocks) {
        int width = program.width();
        int x = program.panels(backwardColumns());
        int n = program.panels(width);
        int stage = rows * LayerProgram.PANEL_BYTES * (2 * x + 2 * n);
        int shared = 2 * stage + width * LayerProgram.PANEL_BYTES * x + backwardColumns() * 16;
        return new LayerKernel(
                "pointwise_backward_" + program.suffix(),
                rows,
                32 * warps,
                LayerKernel.blocksAtOnce(blocks, shared, mostSharedBytes),
                1,
                shared);
    }
}
