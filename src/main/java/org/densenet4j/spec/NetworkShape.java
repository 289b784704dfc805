package org.densenet4j.spec;

import org.densenet4j.graph.ParameterSpec;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/** The shapes that follow from a {@link DenseNetSpec}. Immutable. */
public final class NetworkShape {
    private final DenseNetSpec spec;
    private final StemShape stem;
    private final List<BlockShape> blocks;
    private final List<TransitionShape> transitions;
    private final HeadShape head;

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
    }

    /**
     * Derives the shapes of a spec.
     *
     * @param spec the network
     * @return shapes of every block and layer
     */
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
        if (spec.stem() == Stem.DEEP_BLUR && (convHeight < 2 || convWidth < 2)) {
            throw new IllegalArgumentException(
                    "inputSize = "
                            + h
                            + "x"
                            + w
                            + " is too small: the blur pool would have no pixel to reflect; use"
                            + " images of at least 3x3");
        }
        return new StemShape(
                h,
                w,
                spec.inputChannels(),
                convHeight,
                convWidth,
                Math.ceilDiv(convHeight, 2),
                Math.ceilDiv(convWidth, 2),
                spec.initialChannels(),
                spec.stem().isDeep() ? 3 : 7,
                2,
                spec.stem().isDeep() ? 1 : 3);
    }

    private BlockShape blockOf(int index, int height, int width, int inputChannels) {
        int count = spec.layersPerBlock().get(index - 1);
        // Doubled so often, it is too large in any case.
        long growth =
                spec.growthDoubles()
                        ? (long) spec.growthRate() << Math.min(index - 1, 25)
                        : spec.growthRate();
        int total =
                FieldChecks.channels(
                        "block " + index,
                        inputChannels + count * growth,
                        "fewer layers or a smaller growthRate");
        int k = (int) growth;
        List<LayerShape> layers = new ArrayList<>();
        for (int l = 1; l <= count; l++) {
            layers.add(
                    new LayerShape(
                            index,
                            l,
                            height,
                            width,
                            inputChannels + (l - 1) * k,
                            spec.bottleneckWidth() * k,
                            k));
        }
        return new BlockShape(index, height, width, inputChannels, total, List.copyOf(layers));
    }

    // ---------------------------------------------------------------- what follows

    /** {@return the spec} */
    public DenseNetSpec spec() {
        return spec;
    }

    /**
     * {@return the stem}
     *
     * @throws IllegalArgumentException for stems of several convolutions, which only the graph has
     */
    public StemShape stem() {
        if (spec.stem().isDeep()) {
            throw new IllegalArgumentException(
                    "the network '"
                            + spec.name()
                            + "' has a stem of several convolutions, which this cannot run yet");
        }
        return stem;
    }

    /** {@return the dense blocks} */
    public List<BlockShape> blocks() {
        return blocks;
    }

    /** {@return the transitions between them} */
    public List<TransitionShape> transitions() {
        return transitions;
    }

    /** {@return the head} */
    public HeadShape head() {
        return head;
    }

    /** {@return trained tensors with torchvision's names, in its order} */
    public List<ParameterSpec> parameters() {
        return spec.graph().parameters();
    }

    /** {@return running statistics with torchvision's names, in its order} */
    public List<ParameterSpec> buffers() {
        return spec.graph().runningStatistics();
    }

    /** {@return number of trained values} */
    public long parameterCount() {
        return spec.graph().parameterCount();
    }

    /**
     * {@return multiply-adds of one image's forward pass: convolutions and the classifier, without
     * biases, normalisation and pooling} A transition's convolution is counted before its pool, as
     * the papers define it.
     */
    public long multiplyAdds() {
        return spec.graph().multiplyAdds();
    }
}
