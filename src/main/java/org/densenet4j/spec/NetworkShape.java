package org.densenet4j.spec;

import org.densenet4j.spec.ParameterSpec.Role;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/** The shapes, parameters and costs that follow from a {@link DenseNetSpec}. Immutable. */
public final class NetworkShape {
    private static final int MOST_CHANNELS = 1 << 24;

    private final DenseNetSpec spec;
    private final StemShape stem;
    private final List<BlockShape> blocks;
    private final List<TransitionShape> transitions;
    private final HeadShape head;
    private final List<ParameterSpec> parameters;
    private final List<ParameterSpec> buffers;

    private NetworkShape(DenseNetSpec spec) {
        this.spec = spec;
        this.stem = stemOf(spec);
        List<BlockShape> allBlocks = new ArrayList<>();
        List<TransitionShape> allTransitions = new ArrayList<>();
        int height = stem.outHeight();
        int width = stem.outWidth();
        int channels = spec.initialChannels();
        for (int b = 1; b <= spec.layersPerBlock().size(); b++) {
            if (height < 1 || width < 1) {
                throw new IllegalArgumentException(
                        "inputSize = "
                                + spec.inputHeight()
                                + "x"
                                + spec.inputWidth()
                                + " is too small: block "
                                + b
                                + " would have no pixels; use larger images or fewer blocks");
            }
            BlockShape block = blockOf(b, height, width, channels);
            allBlocks.add(block);
            channels = block.totalChannels();
            if (b < spec.layersPerBlock().size()) {
                int out = (int) Math.floor(channels * spec.compression());
                if (out < 1) {
                    throw new IllegalArgumentException(
                            "compression = "
                                    + spec.compression()
                                    + " leaves no channels behind block "
                                    + b
                                    + "; use a larger one");
                }
                TransitionShape t =
                        new TransitionShape(b, height, width, channels, out, height / 2, width / 2);
                allTransitions.add(t);
                height = t.outHeight();
                width = t.outWidth();
                channels = out;
            }
        }
        this.blocks = List.copyOf(allBlocks);
        this.transitions = List.copyOf(allTransitions);
        this.head = new HeadShape(height, width, channels, spec.classes());
        this.parameters = new ArrayList<>();
        this.buffers = new ArrayList<>();
        nameTensors();
    }

    /** Derives the shapes of a spec. */
    public static NetworkShape of(DenseNetSpec spec) {
        Objects.requireNonNull(spec, "spec");
        return new NetworkShape(spec);
    }

    private static StemShape stemOf(DenseNetSpec spec) {
        int h = spec.inputHeight();
        int w = spec.inputWidth();
        if (spec.stem() == Stem.SMALL) {
            return new StemShape(
                    h, w, spec.inputChannels(), h, w, h, w, spec.initialChannels(), 3, 1, 1);
        }
        int convHeight = Math.ceilDiv(h, 2);
        int convWidth = Math.ceilDiv(w, 2);
        return new StemShape(
                h,
                w,
                spec.inputChannels(),
                convHeight,
                convWidth,
                Math.ceilDiv(convHeight, 2),
                Math.ceilDiv(convWidth, 2),
                spec.initialChannels(),
                7,
                2,
                3);
    }

    private BlockShape blockOf(int index, int height, int width, int inputChannels) {
        int count = spec.layersPerBlock().get(index - 1);
        int k = spec.growthRate();
        long total = inputChannels + (long) count * k;
        if (total > MOST_CHANNELS) {
            throw new IllegalArgumentException(
                    "block "
                            + index
                            + " would have "
                            + total
                            + " channels, more than "
                            + MOST_CHANNELS
                            + "; use fewer layers or a smaller growthRate");
        }
        List<LayerShape> layers = new ArrayList<>();
        for (int l = 1; l <= count; l++) {
            layers.add(
                    new LayerShape(
                            index,
                            l,
                            height,
                            width,
                            inputChannels + (l - 1) * k,
                            spec.bottleneckChannels(),
                            k));
        }
        return new BlockShape(
                index, height, width, inputChannels, (int) total, List.copyOf(layers));
    }

    // ---------------------------------------------------------------- tensors

    private void nameTensors() {
        convolution("features.conv0", stem.channels(), stem.inputChannels(), stem.kernel());
        if (spec.stem() == Stem.IMAGENET) {
            norm("features.norm0", stem.channels());
        }
        for (BlockShape block : blocks) {
            for (LayerShape layer : block.layers()) {
                String name = "features.denseblock" + block.index() + ".denselayer" + layer.index();
                norm(name + ".norm1", layer.prefixChannels());
                if (spec.hasBottleneck()) {
                    int width = layer.bottleneckChannels();
                    convolution(name + ".conv1", width, layer.prefixChannels(), 1);
                    norm(name + ".norm2", width);
                    convolution(name + ".conv2", layer.growthRate(), width, 3);
                } else {
                    convolution(name + ".conv1", layer.growthRate(), layer.prefixChannels(), 3);
                }
            }
            if (block.index() <= transitions.size()) {
                TransitionShape t = transitions.get(block.index() - 1);
                String name = "features.transition" + block.index();
                norm(name + ".norm", t.inputChannels());
                convolution(name + ".conv", t.outputChannels(), t.inputChannels(), 1);
            }
        }
        norm("features.norm5", head.channels());
        parameters.add(
                ParameterSpec.of(
                        "classifier.weight", Role.LINEAR_WEIGHT, head.classes(), head.channels()));
        parameters.add(ParameterSpec.of("classifier.bias", Role.LINEAR_BIAS, head.classes()));
    }

    private void convolution(String name, int out, int in, int kernel) {
        parameters.add(
                ParameterSpec.of(name + ".weight", Role.CONV_WEIGHT, out, in, kernel, kernel));
    }

    private void norm(String name, int channels) {
        parameters.add(ParameterSpec.of(name + ".weight", Role.BN_WEIGHT, channels));
        parameters.add(ParameterSpec.of(name + ".bias", Role.BN_BIAS, channels));
        buffers.add(ParameterSpec.of(name + ".running_mean", Role.RUNNING_STATISTIC, channels));
        buffers.add(ParameterSpec.of(name + ".running_var", Role.RUNNING_STATISTIC, channels));
    }

    // ---------------------------------------------------------------- what follows

    /** The spec. */
    public DenseNetSpec spec() {
        return spec;
    }

    /** The stem. */
    public StemShape stem() {
        return stem;
    }

    /** The dense blocks. */
    public List<BlockShape> blocks() {
        return blocks;
    }

    /** The transitions between them. */
    public List<TransitionShape> transitions() {
        return transitions;
    }

    /** The head. */
    public HeadShape head() {
        return head;
    }

    /** Trained tensors with torchvision's names, in its order. */
    public List<ParameterSpec> parameters() {
        return List.copyOf(parameters);
    }

    /** Running statistics with torchvision's names, in its order. */
    public List<ParameterSpec> buffers() {
        return List.copyOf(buffers);
    }

    /** Number of trained values. */
    public long parameterCount() {
        return parameters.stream().mapToLong(ParameterSpec::count).reduce(0, Math::addExact);
    }

    /**
     * Multiply-adds of one image's forward pass: convolutions and the classifier, without biases,
     * normalisation and pooling. A transition's convolution is counted before its pool, as the
     * papers define it.
     */
    public long multiplyAdds() {
        long sum =
                (long) stem.convHeight()
                        * stem.convWidth()
                        * stem.channels()
                        * stem.inputChannels()
                        * stem.kernel()
                        * stem.kernel();
        for (BlockShape block : blocks) {
            for (LayerShape layer : block.layers()) {
                sum += multiplyAdds(layer);
            }
        }
        for (TransitionShape t : transitions) {
            sum += (long) t.height() * t.width() * t.inputChannels() * t.outputChannels();
        }
        return sum + (long) head.channels() * head.classes();
    }

    /** Multiply-adds of one image in a dense layer. */
    public static long multiplyAdds(LayerShape layer) {
        Objects.requireNonNull(layer, "layer");
        long pixels = (long) layer.height() * layer.width();
        long width = layer.bottleneckChannels();
        return width == 0
                ? pixels * 9 * layer.prefixChannels() * layer.growthRate()
                : pixels * width * (layer.prefixChannels() + 9L * layer.growthRate());
    }
}
