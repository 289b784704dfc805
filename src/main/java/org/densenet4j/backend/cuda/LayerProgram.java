package org.densenet4j.backend.cuda;

import org.densenet4j.backend.DataType;

import java.util.List;
import java.util.Optional;

/**
 * A part of {@code cuda-kernels/dense_layer.cu} that is compiled and loaded by itself: the kernels
 * for layers of one storage type whose bottlenecks have at most so many channels.
 *
 * @param type storage of activations; operands of products are bf16, or float32 rounded to TF32
 * @param width channels of a bottleneck at most
 * @param newChannels channels that a layer appends at most
 */
record LayerProgram(DataType type, int width, int newChannels) {
    private static final List<LayerProgram> ALL =
            List.of(
                    new LayerProgram(DataType.BFLOAT16, 48, 16),
                    new LayerProgram(DataType.BFLOAT16, 64, 16),
                    new LayerProgram(DataType.BFLOAT16, 96, 32),
                    new LayerProgram(DataType.BFLOAT16, 128, 32),
                    new LayerProgram(DataType.BFLOAT16, 192, 48),
                    new LayerProgram(DataType.FLOAT32, 48, 16),
                    new LayerProgram(DataType.FLOAT32, 64, 16),
                    new LayerProgram(DataType.FLOAT32, 128, 32));

    /** Bytes of a row of a panel in shared memory. */
    static final int PANEL_BYTES = 128;

    static List<LayerProgram> all() {
        return ALL;
    }

    /** The narrowest that has so many channels. */
    static Optional<LayerProgram> of(DataType type, int width, int newChannels) {
        return ALL.stream()
                .filter(p -> p.type == type && p.width >= width && p.newChannels >= newChannels)
                .findFirst();
    }

    /** Of its kernels and of its PTX: such as {@code bf16_128}. */
    String suffix() {
        return (type == DataType.BFLOAT16 ? "bf16_" : "tf32_") + width;
    }

    /** What the source is compiled with. */
    List<String> definitions() {
        int bfloat16 = type == DataType.BFLOAT16 ? 1 : 0;
        return List.of("-DDENSE_LAYER_WIDTH=" + width, "-DDENSE_LAYER_BF16=" + bfloat16);
    }

    /** Elements of a row of a panel. */
    int panelElements() {
        return PANEL_BYTES / type.bytes();
    }

    /** Elements of 16 bytes. */
    int chunk() {
        return 16 / type.bytes();
    }

    /** Panels of rows of so many elements. */
    int panels(int elements) {
        return Math.ceilDiv(elements, panelElements());
    }
}
