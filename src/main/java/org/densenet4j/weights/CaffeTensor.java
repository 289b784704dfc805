package org.densenet4j.weights;

import org.densenet4j.io.caffe.CaffeBlob;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Supplier;

/**
 * A tensor as a Caffe model has it, or as it is computed from what one has.
 *
 * @param shape as the network here has it
 * @param values read when they are asked for
 */
record CaffeTensor(List<Long> shape, Supplier<float[]> values) {
    /** A blob as it is. */
    static CaffeTensor of(CaffeBlob blob) {
        return new CaffeTensor(blob.shape(), blob::toFloats);
    }

    /** A number for each channel; files of before 2015 have sides of one in front of them. */
    static CaffeTensor vector(CaffeBlob blob) {
        return new CaffeTensor(List.of((long) blob.count()), blob::toFloats);
    }

    /** Each of a vector divided by the same number. */
    static CaffeTensor divided(CaffeBlob blob, float divisor) {
        return new CaffeTensor(
                List.of((long) blob.count()),
                () -> {
                    float[] values = blob.toFloats();
                    for (int i = 0; i < values.length; i++) {
                        values[i] = (float) ((double) values[i] / divisor);
                    }
                    return values;
                });
    }

    /**
     * Weights of a convolution [out, in, kh, kw] that read channels in the other order: Caffe's
     * images have blue first, as OpenCV decodes them, and ours red.
     */
    CaffeTensor readingBackwards() {
        int outputs = Math.toIntExact(shape.get(0));
        int channels = Math.toIntExact(shape.get(1));
        return new CaffeTensor(
                shape,
                () -> {
                    float[] from = values.get();
                    float[] to = new float[from.length];
                    int kernel = from.length / Math.max(1, outputs * channels);
                    for (int o = 0; o < outputs; o++) {
                        for (int c = 0; c < channels; c++) {
                            int source = (o * channels + c) * kernel;
                            int target = (o * channels + channels - 1 - c) * kernel;
                            System.arraycopy(from, source, to, target, kernel);
                        }
                    }
                    return to;
                });
    }

    /** The first side: outputs of a convolution. */
    long outputs() {
        return shape.getFirst();
    }

    /** Whether the shapes differ in the first side alone. */
    boolean sameButOutputs(CaffeTensor other) {
        return shape.subList(1, shape.size()).equals(other.shape.subList(1, other.shape.size()));
    }

    /** Outputs behind each other, of tensors that are {@link #sameButOutputs}. */
    CaffeTensor followedBy(CaffeTensor other) {
        List<Long> both = new ArrayList<>(shape);
        both.set(0, shape.getFirst() + other.shape.getFirst());
        return new CaffeTensor(
                List.copyOf(both),
                () -> {
                    float[] first = values.get();
                    float[] second = other.values.get();
                    float[] all = Arrays.copyOf(first, first.length + second.length);
                    System.arraycopy(second, 0, all, first.length, second.length);
                    return all;
                });
    }
}
