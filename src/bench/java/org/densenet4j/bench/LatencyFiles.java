package org.densenet4j.bench;

import org.densenet4j.spec.DenseNetSpec;

import java.io.IOException;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * The files of one model that all contenders read: weights, the ONNX export of them, images in
 * either layout, and the logits that are right. Floats of the last three lie one behind the other,
 * little-endian.
 *
 * @param folder which holds them
 */
record LatencyFiles(Path folder) {
    /** Batches of different images, which calls take in turn. */
    static final int BATCHES = 4;

    Path weights() {
        return folder.resolve("model.safetensors");
    }

    Path onnx() {
        return folder.resolve("model.onnx");
    }

    /** Images as this engine takes them, [n, height, width, channels]. */
    Path channelsLast() {
        return folder.resolve("images.nhwc");
    }

    /** Images as the peers take them, [n, channels, height, width]. */
    Path channelsFirst() {
        return folder.resolve("images.nchw");
    }

    /** Logits of this engine in fp32, [n, classes]. */
    Path logits() {
        return folder.resolve("logits");
    }

    /** Floats of a file of images, of one batch. */
    static FloatBuffer images(Path file, DenseNetSpec spec, int batch, int number)
            throws IOException {
        long each = (long) spec.inputHeight() * spec.inputWidth() * spec.inputChannels();
        return read(file, number * batch * each, batch * each);
    }

    /** The same as an array. */
    static float[] array(FloatBuffer buffer) {
        float[] values = new float[buffer.remaining()];
        buffer.get(values);
        return values;
    }

    /** Maps floats of a file. */
    static FloatBuffer read(Path file, long first, long count) throws IOException {
        try (FileChannel channel = FileChannel.open(file)) {
            return channel.map(
                            FileChannel.MapMode.READ_ONLY, first * Float.BYTES, count * Float.BYTES)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .asFloatBuffer();
        }
    }

    /** Writes floats as a file. */
    static void write(Path file, float[] values) throws IOException {
        try (FileChannel channel =
                FileChannel.open(
                        file,
                        StandardOpenOption.CREATE,
                        StandardOpenOption.READ,
                        StandardOpenOption.WRITE)) {
            channel.map(FileChannel.MapMode.READ_WRITE, 0, (long) values.length * Float.BYTES)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .asFloatBuffer()
                    .put(values);
        }
    }
}
