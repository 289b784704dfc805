package org.densenet4j.weights;

import org.densenet4j.io.caffe.CaffeException;
import org.densenet4j.io.caffe.CaffeFields;
import org.densenet4j.io.caffe.CaffeLayer;
import org.densenet4j.spec.DsodSpec;

import java.util.List;

/**
 * What the layers of a Caffe model are set to, by the numbers of fields in {@code caffe.proto} of
 * the branch {@code ssd}. A network with the same weights and other settings computes something
 * else, so whatever a DSOD here cannot be set to is refused.
 */
final class CaffeSettings {
    private static final int CONCATENATION = 104;
    private static final int CONVOLUTION = 106;
    private static final int POOLING = 121;
    private static final int RELU = 123;
    private static final int BATCH_NORM = 139;
    private static final int SCALE = 142;
    private static final int LOSS = 201;
    private static final int PERMUTATION = 202;
    private static final int DEFAULT_BOXES = 203;
    private static final int DETECTIONS = 204;
    private static final int L2_NORM = 206;

    /** Offsets are of centres and logarithms of sides. */
    private static final long CENTRE_SIZE = 2;

    private static final List<Double> VARIANCES = List.of(0.1, 0.1, 0.2, 0.2);

    /** As many as a network can read. */
    private static final long MOST_CHANNELS = 1 << 20;

    private final CaffeNet net;

    CaffeSettings(CaffeNet net) {
        this.net = net;
    }

    private void require(boolean holds, CaffeLayer layer, String what) throws CaffeException {
        if (!holds) {
            throw net.misfit("the layer '" + layer.name() + "' (" + layer.type() + ") " + what);
        }
    }

    /**
     * A number of rows and columns.
     *
     * @param both field of the number that goes for both
     * @param rows field of that of rows; that of columns is the next
     */
    private static boolean are(CaffeFields f, int both, int rows, long usual, long wanted)
            throws CaffeException {
        List<Long> sides = f.numbers(both);
        if (!sides.isEmpty()) {
            return sides.stream().allMatch(side -> side == wanted);
        }
        return f.number(rows, usual) == wanted && f.number(rows + 1, usual) == wanted;
    }

    void requireConvolution(CaffeLayer layer, int kernel, int stride, int padding)
            throws CaffeException {
        CaffeFields f = layer.settings(CONVOLUTION);
        require(
                are(f, 4, 11, 0, kernel) && are(f, 6, 13, 1, stride) && are(f, 3, 9, 0, padding),
                layer,
                "is not of "
                        + kernel
                        + "x"
                        + kernel
                        + " pixels, every "
                        + stride
                        + ", with a border of "
                        + padding);
        require(f.number(5, 1) == 1, layer, "has groups");
        require(f.numbers(18).stream().allMatch(d -> d == 1), layer, "is dilated");
        require(
                layer.blobs().size() == 1,
                layer,
                "has " + layer.blobs().size() + " arrays: one of weights and no bias is wanted");
        require(
                layer.blobs().getFirst().shape().size() == 4
                        && layer.blobs().getFirst().shape().stream()
                                .allMatch(side -> side > 0 && side <= MOST_CHANNELS),
                layer,
                "has weights of " + layer.blobs().getFirst().shape());
    }

    /** A maximum of 2x2 pixels; Caffe's pools keep what no window fills. */
    void requirePool(CaffeLayer layer) throws CaffeException {
        CaffeFields f = layer.settings(POOLING);
        require(
                f.number(1, 0) == 0
                        && are(f, 2, 5, 0, 2)
                        && are(f, 3, 7, 1, 2)
                        && are(f, 4, 9, 0, 0)
                        && !f.flag(12, false),
                layer,
                "is not a maximum of 2x2 pixels");
    }

    void requireRelu(CaffeLayer layer) throws CaffeException {
        require(layer.settings(RELU).decimal(1, 0) == 0, layer, "is leaky");
    }

    void requireConcatenation(CaffeLayer layer) throws CaffeException {
        CaffeFields f = layer.settings(CONCATENATION);
        require(f.number(2, 1) == 1 && f.number(1, 1) == 1, layer, "is not of channels");
    }

    void requireChannelsLast(CaffeLayer permutation) throws CaffeException {
        require(
                permutation.settings(PERMUTATION).numbers(1).equals(List.of(0L, 2L, 3L, 1L)),
                permutation,
                "does not make channels last");
    }

    /** A factor and a bias for each channel. */
    void requireScale(CaffeLayer layer) throws CaffeException {
        CaffeFields f = layer.settings(SCALE);
        require(f.number(1, 1) == 1 && f.number(2, 1) == 1, layer, "is not of channels");
        require(layer.blobs().size() == 2, layer, "has no bias");
    }

    /** The epsilon of a batch normalisation, of which there are sums and a divisor of them. */
    double epsilon(CaffeLayer layer) throws CaffeException {
        require(
                layer.blobs().size() == 3 && layer.blobs().get(2).count() == 1,
                layer,
                "has not a mean, a variance and a factor of both");
        return layer.settings(BATCH_NORM).decimal(3, 1e-5);
    }

    /** One of each pixel, with a scale for each channel. */
    void requireL2Norm(CaffeLayer layer, double epsilon) throws CaffeException {
        CaffeFields f = layer.settings(L2_NORM);
        require(!f.flag(1, true), layer, "is of all pixels together");
        require(
                !f.flag(3, true) && layer.blobs().size() == 1,
                layer,
                "has not one scale for each channel");
        require(f.decimal(4, 1e-10) == epsilon, layer, "has another epsilon than " + epsilon);
    }

    /** What a loss or a detection takes boxes for; its last number is the field of the code. */
    void requireOffsets(CaffeLayer output) throws CaffeException {
        boolean loss = output.type().equals("MultiBoxLoss");
        CaffeFields f = output.settings(loss ? LOSS : DETECTIONS);
        require(
                f.number(loss ? 14 : 6, 1) == CENTRE_SIZE && !f.flag(loss ? 16 : 8, false),
                output,
                "has another code of offsets than CENTER_SIZE");
        require(f.flag(loss ? 5 : 2, true), output, "has offsets for each class");
        require(f.number(loss ? 9 : 3, 0) == 0, output, "has not the background first");
        require(f.number(2, 0) == 0 || !loss, output, "has scores that are not a softmax's");
    }

    /** The default boxes of a source. */
    DsodSpec.Boxes boxes(CaffeLayer layer) throws CaffeException {
        CaffeFields f = layer.settings(DEFAULT_BOXES);
        List<Double> least = f.decimals(1);
        List<Double> most = f.decimals(2);
        List<Double> ratios = f.decimals(3);
        double step = f.decimal(10, 0);
        require(
                least.size() == 1 && most.size() == 1,
                layer,
                "has other than one least and one largest side");
        require(
                f.flag(4, true) && !f.flag(5, false) && f.decimal(13, 0.5) == 0.5,
                layer,
                "has boxes that are not flipped, are cut, or are not in the middle of cells");
        require(VARIANCES.equals(f.decimals(6)), layer, "has other variances than " + VARIANCES);
        require(
                step > 0 || f.decimal(11, 0) > 0 && f.decimal(11, 0) == f.decimal(12, 0),
                layer,
                "does not tell one step of cells");
        try {
            return new DsodSpec.Boxes(
                    step > 0 ? step : f.decimal(11, 0), least.getFirst(), most.getFirst(), ratios);
        } catch (IllegalArgumentException e) {
            throw net.misfit("the boxes of '" + layer.name() + "': " + e.getMessage());
        }
    }
}
