package org.densenet4j.parity;

import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.io.ParityCase;

import java.io.IOException;
import java.util.Arrays;

/**
 * The batch of a case.
 *
 * @param images how many
 * @param values their normalised pixels, channels last
 * @param labels one per image, or per pixel, where it is negative for none
 */
record CaseBatch(int images, double[] values, int[] labels) {
    /** What a record has of it. */
    static CaseBatch of(ParityCase parity, NetworkSpec spec) throws IOException {
        return new CaseBatch(
                Math.toIntExact(parity.input().shape().getFirst()),
                PixelOrder.ofImages(spec).channelsLast(parity.input().toDoubles()),
                parity.labels());
    }

    /** The same in single precision, as the engine takes them. */
    float[] pixels() {
        return Difference.toFloats(values);
    }

    /** Labels that there are: the loss is their mean. */
    int labelled() {
        return (int) Arrays.stream(labels).filter(label -> label >= 0).count();
    }
}
