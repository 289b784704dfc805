package org.densenet4j.weights;

import org.densenet4j.graph.L2Norm;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.io.caffe.CaffeBlob;
import org.densenet4j.io.caffe.CaffeException;
import org.densenet4j.io.caffe.CaffeLayer;
import org.densenet4j.io.caffe.CaffeModel;
import org.densenet4j.spec.DsodSpec;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

/**
 * The layers of a DSOD in a Caffe model, by what they read.
 *
 * <p>The authors' program (github.com/szq0214/DSOD, {@code model_libs.py}) gives names to few
 * layers. The others are numbered by Caffe ({@code Convolution1}, {@code BatchNorm1}, ...) as it
 * comes to them from what is named, which is not the order in which the program makes them, and is
 * another in a network of somebody's own. But the file says what each layer reads, and that decides
 * here: from the loss or the detections up to the images, whatever layers are called. Where a layer
 * is another than a DSOD has there, the file is refused.
 */
final class CaffeDsodLayers {
    /** Of the heads' batch normalisations, which no spec says otherwise. */
    private static final double HEAD_EPSILON = 1e-3;

    private static final double L2_EPSILON = L2Norm.of("norm").epsilon();
    private static final int BLOCKS = 4;
    private static final String CONV = ".conv";
    private static final String NORM = ".norm";
    private static final String WEIGHT = ".weight";

    /** What lies between the concatenation of all classes and the detections. */
    private static final Set<String> SCORES = Set.of("Flatten", "Softmax", "Reshape");

    private static final List<String> PRESETS =
            List.of("dsod300", "dsod300-coco", "dsod300-smallest", "dsod-glyphs");

    private final Path path;
    private final CaffeNet net;
    private final CaffeSettings settings;
    private final Map<String, CaffeTensor> tensors = new LinkedHashMap<>();
    private final List<DsodSpec.Boxes> boxes = new ArrayList<>();
    private final int[] layersPerBlock = new int[BLOCKS];
    private final DsodSpec spec;

    /** Of all batch normalisations but the heads'; 0 before the first. */
    private double epsilon;

    /**
     * Finds all layers.
     *
     * @param height rows of the images that the network was trained with
     * @param width columns of them
     * @throws CaffeException when the network is no DSOD, or one that no spec says
     */
    CaffeDsodLayers(Path path, CaffeModel model, int height, int width) throws CaffeException {
        this.path = path;
        this.net = new CaffeNet(path, model);
        this.settings = new CaffeSettings(net);
        List<Integer> sources = heads();
        int steps = sources.size() - 2;
        for (int step = steps; step > 0; step--) {
            step("step" + step, sources.get(step + 1), sources.get(step));
        }
        secondSource(sources.get(1), sources.getFirst());
        firstSource(sources.getFirst());
        spec = spec(steps, height, width);
        requireShapes();
    }

    /** The network. */
    DsodSpec spec() {
        return spec;
    }

    /** Its tensors by our names. */
    Map<String, CaffeTensor> tensors() {
        return tensors;
    }

    // ---------------------------------------------------------------- what layers are made of

    /** The weights of a convolution; what it reads. */
    private int convolution(int at, String name, int kernel, int stride) throws CaffeException {
        tensors.put(name + WEIGHT, weights(at, kernel, stride));
        return net.above(at, "Convolution");
    }

    private CaffeTensor weights(int at, int kernel, int stride) throws CaffeException {
        CaffeLayer layer = net.layer(at, "Convolution");
        settings.requireConvolution(layer, kernel, stride, kernel / 2);
        return CaffeTensor.of(layer.blobs().getFirst());
    }

    /**
     * A scale and the batch normalisation that it reads; what that reads. Caffe keeps sums of means
     * and of variances, in which the newest batch counts 1 and older ones less and less, and the
     * sum of these weights, by which both are divided ({@code batch_norm_layer.cpp}).
     */
    private int batchNorm(int at, String name, double wantedEpsilon) throws CaffeException {
        int normAt = net.above(at, "Scale");
        CaffeLayer scale = net.layer(at, "Scale");
        CaffeLayer norm = net.layer(normAt, "BatchNorm");
        settings.requireScale(scale);
        double found = settings.epsilon(norm);
        if (found != wantedEpsilon && wantedEpsilon != 0) {
            throw net.misfit(
                    net.named(normAt)
                            + " has an epsilon of "
                            + found
                            + ", and "
                            + wantedEpsilon
                            + " is wanted");
        }
        List<CaffeBlob> sums = norm.blobs();
        float factor = sums.get(2).toFloats()[0];
        if (factor == 0) {
            throw new CaffeException(
                    path,
                    "is a Caffe model without statistics: "
                            + net.named(normAt)
                            + " has seen no batch (its factor is 0); train it, or save it later");
        }
        tensors.put(name + WEIGHT, CaffeTensor.vector(scale.blobs().get(0)));
        tensors.put(name + ".bias", CaffeTensor.vector(scale.blobs().get(1)));
        tensors.put(name + ".running_mean", CaffeTensor.divided(sums.get(0), factor));
        tensors.put(name + ".running_var", CaffeTensor.divided(sums.get(1), factor));
        return net.above(normAt, "BatchNorm");
    }

    /** One of the backbone behind a ReLU. */
    private int activated(int at, String name) throws CaffeException {
        settings.requireRelu(net.layer(at, "ReLU"));
        int scale = net.above(at, "ReLU");
        int above = batchNorm(scale, name, epsilon);
        epsilon = settings.epsilon(net.layer(net.above(scale, "Scale"), "BatchNorm"));
        return above;
    }

    /** BN-ReLU-convolution; what they read. */
    private int normalised(int at, String norm, String conv, int kernel, int stride)
            throws CaffeException {
        return activated(convolution(at, conv, kernel, stride), norm);
    }

    private int pool(int at) throws CaffeException {
        settings.requirePool(net.layer(at, "Pooling"));
        return net.above(at, "Pooling");
    }

    /** The two halves of channels that a layer puts behind each other. */
    private List<Integer> halves(int at) throws CaffeException {
        settings.requireConcatenation(net.layer(at, "Concat"));
        return net.above(at, "Concat", 2);
    }

    private void require(int found, int wanted) throws CaffeException {
        if (found != wanted) {
            throw net.misfit(
                    net.named(found) + " is read where " + net.named(wanted) + " is wanted");
        }
    }

    // ---------------------------------------------------------------- heads

    /** All heads; the sources that they read. */
    private List<Integer> heads() throws CaffeException {
        int output = 0;
        while (output < net.size() && !isOutput(output)) {
            output++;
        }
        if (output == net.size()) {
            throw net.misfit("it has no layer MultiBoxLoss and no DetectionOutput");
        }
        settings.requireOffsets(net.layer(output));
        List<Integer> read = net.above(output);
        if (read.size() < 3) {
            throw net.misfit(net.named(output) + " reads no offsets, classes and boxes");
        }
        List<Integer> offsets = net.above(concatenation(read.get(0)));
        List<Integer> classes = net.above(concatenation(scores(read.get(1))));
        List<Integer> priors = net.above(concatenation(read.get(2)));
        int count = offsets.size();
        if (count < 2 || count != classes.size() || count != priors.size()) {
            throw net.misfit(
                    "it has offsets of "
                            + count
                            + " sources, classes of "
                            + classes.size()
                            + " and boxes of "
                            + priors.size());
        }
        List<Integer> sources = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            sources.add(head("head" + (i + 1), offsets.get(i), classes.get(i), priors.get(i)));
        }
        return sources;
    }

    private boolean isOutput(int layer) {
        return net.is(layer, "MultiBoxLoss") || net.is(layer, "DetectionOutput");
    }

    private int concatenation(int at) throws CaffeException {
        net.layer(at, "Concat");
        return at;
    }

    /** What becomes probabilities. */
    private int scores(int at) throws CaffeException {
        int layer = at;
        while (!net.isInput(layer) && SCORES.contains(net.layer(layer).type())) {
            layer = net.above(layer).getFirst();
        }
        return layer;
    }

    /**
     * Both convolutions of a source, which are one here, offsets first, and its default boxes; the
     * source. Rows of weights are in our order: of each box of a cell four numbers, or the
     * background and the classes, since Caffe makes channels last before it concatenates.
     */
    private int head(String name, int offsets, int classes, int priors) throws CaffeException {
        int ofOffsets = predictions(offsets, name + ".offsets");
        int ofClasses = predictions(classes, name + ".classes");
        CaffeTensor first = weights(ofOffsets, 3, 1);
        CaffeTensor second = weights(ofClasses, 3, 1);
        if (!first.sameButOutputs(second)) {
            throw net.misfit(
                    net.named(ofOffsets)
                            + " has weights of "
                            + first.shape()
                            + ", and "
                            + net.named(ofClasses)
                            + " of "
                            + second.shape());
        }
        DsodSpec.Boxes ofSource = settings.boxes(net.layer(priors, "PriorBox"));
        requireOutputs(ofOffsets, first, 4, ofSource);
        requireOutputs(ofClasses, second, second.outputs() / ofSource.perCell(), ofSource);
        boxes.add(ofSource);
        tensors.put(name + CONV + WEIGHT, first.followedBy(second));
        int norm = net.above(ofOffsets, "Convolution");
        require(net.above(ofClasses, "Convolution"), norm);
        require(net.above(priors, "PriorBox", 2).getFirst(), norm);
        CaffeLayer scale = net.layer(norm, "Normalize");
        settings.requireL2Norm(scale, L2_EPSILON);
        tensors.put(name + NORM + WEIGHT, CaffeTensor.vector(scale.blobs().getFirst()));
        return net.above(norm, "Normalize");
    }

    private void requireOutputs(int at, CaffeTensor weights, long each, DsodSpec.Boxes ofSource)
            throws CaffeException {
        if (weights.outputs() != each * ofSource.perCell()) {
            throw net.misfit(
                    net.named(at)
                            + " has "
                            + weights.outputs()
                            + " outputs for "
                            + ofSource.perCell()
                            + " boxes at each cell");
        }
    }

    /** The convolution behind a batch normalisation, channels last and flat. */
    private int predictions(int at, String norm) throws CaffeException {
        int permutation = net.above(at, "Flatten");
        settings.requireChannelsLast(net.layer(permutation, "Permute"));
        return batchNorm(net.above(permutation, "Permute"), norm, HEAD_EPSILON);
    }

    // ---------------------------------------------------------------- backbone

    /** One half pooled and convolved 1x1, one convolved 1x1 and 3x3 with a stride. */
    private void step(String name, int at, int before) throws CaffeException {
        List<Integer> halves = halves(at);
        require(pool(pointwise(halves.get(0), name + ".pooled")), before);
        String strided = name + ".strided";
        int reduced = normalised(halves.get(1), strided + NORM, strided + CONV, 3, 2);
        require(pointwise(reduced, name + ".reduced"), before);
    }

    private int pointwise(int at, String name) throws CaffeException {
        return normalised(at, name + NORM, name + CONV, 1, 1);
    }

    /** The third and the fourth block over a pool of the first source, and a shortcut. */
    private void secondSource(int at, int first) throws CaffeException {
        List<Integer> halves = halves(at);
        require(pool(pointwise(halves.get(1), "second")), first);
        int third = block(4, halves.get(0));
        require(pool(block(3, third)), first);
    }

    /** The first two blocks with a pool between them, and the stem. */
    private void firstSource(int at) throws CaffeException {
        int above = pool(block(1, pool(block(2, at))));
        for (int layer = 3; layer > 0; layer--) {
            int made = activated(above, "stem.norm" + layer);
            above = convolution(made, "stem.conv" + layer, 3, layer == 1 ? 2 : 1);
        }
        if (!net.isInput(above)) {
            throw net.misfit(net.named(above) + " is where the images are wanted");
        }
        String first = "stem.conv1" + WEIGHT;
        tensors.computeIfPresent(first, (_, t) -> t.shape().get(1) == 3 ? t.readingBackwards() : t);
    }

    /** A block's dense layers and the 1x1 convolution behind them; what the first layer reads. */
    private int block(int block, int at) throws CaffeException {
        String name = "block" + block + ".";
        int features = pointwise(at, name + "transition");
        List<Integer> joined = new ArrayList<>();
        while (net.is(features, "Concat")) {
            joined.addFirst(features);
            features = halves(features).getFirst();
        }
        int before = features;
        for (int layer = 1; layer <= joined.size(); layer++) {
            String of = name + "layer" + layer + ".";
            int made = halves(joined.get(layer - 1)).get(1);
            int bottleneck = normalised(made, of + "norm2", of + "conv2", 3, 1);
            require(normalised(bottleneck, of + "norm1", of + "conv1", 1, 1), before);
            before = joined.get(layer - 1);
        }
        layersPerBlock[block - 1] = joined.size();
        return features;
    }

    // ---------------------------------------------------------------- spec

    private int outputs(String convolution) {
        return side(convolution, 0);
    }

    private int side(String convolution, int side) {
        return Math.toIntExact(tensors.get(convolution + WEIGHT).shape().get(side));
    }

    private DsodSpec spec(int steps, int height, int width) throws CaffeException {
        int[] ofSteps = new int[steps];
        for (int step = 1; step <= steps; step++) {
            ofSteps[step - 1] = outputs("step" + step + ".strided.conv");
        }
        int perCell = boxes.getFirst().perCell();
        if (layersPerBlock[0] == 0) {
            throw net.misfit("its first block has no layers");
        }
        try {
            DsodSpec found =
                    DsodSpec.builder()
                            .stemChannels(outputs("stem.conv1"))
                            .layersPerBlock(layersPerBlock)
                            .growthRate(outputs("block1.layer1.conv2"))
                            .bottleneckWidth(outputs("block1.layer1.conv1"))
                            .secondChannels(outputs("second.conv"))
                            .stepChannels(ofSteps)
                            .boxes(boxes)
                            .classes((outputs("head1.conv") - 4 * perCell) / perCell - 1)
                            .inputChannels(side("stem.conv1", 1))
                            .inputSize(height, width)
                            .bnEpsilon(epsilon)
                            .build();
            found.graph(); // of images that are too small, none can be made
            return (DsodSpec) InferredSpec.named(found, PRESETS.stream());
        } catch (IllegalArgumentException e) {
            throw net.misfit(e.getMessage());
        }
    }

    /** A DSOD of others may have other channels in some layer than a spec can say. */
    private void requireShapes() throws CaffeException {
        List<ParameterSpec> wanted =
                Stream.concat(
                                spec.graph().parameters().stream(),
                                spec.graph().runningStatistics().stream())
                        .toList();
        for (ParameterSpec p : wanted) {
            CaffeTensor tensor = tensors.get(p.name());
            List<Long> shape = p.shape().stream().map(Integer::longValue).toList();
            if (!tensor.shape().equals(shape)) {
                throw net.misfit(
                        "its '"
                                + p.name()
                                + "' is "
                                + tensor.shape()
                                + ", which would be "
                                + shape
                                + " in "
                                + spec);
            }
        }
    }
}
