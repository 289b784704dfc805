package org.densenet4j.bench;

import org.densenet4j.graph.DepthwiseLayer;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.spec.DenseNetSpec;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * One way of running the network in libtorch. Its name is its five parts with hyphens: {@code
 * training-fp32-nhwc-naive-jemalloc}.
 *
 * @param work training steps or forward passes
 * @param precision of convolutions and what lies between them
 * @param layout of images in memory
 * @param style what is kept for the backward pass, or how inference is prepared
 * @param allocator below libtorch
 */
record PeerVariant(
        Work work, Precision precision, Layout layout, Style style, Allocator allocator) {
    private static final int PARTS = 5;

    /** How images lie in memory. */
    enum Layout {
        /** PyTorch's default. */
        NCHW,
        /** {@code torch.channels_last}. */
        NHWC
    }

    /** What PyTorch's users choose between. */
    enum Style {
        /** As written: everything is kept that autograd wants. */
        NAIVE,
        /** torchvision's {@code memory_efficient=True}. Training only. */
        CHECKPOINT,
        /** bf16 only, inference only: the model's weights are bf16, nothing is cast on the way. */
        CONVERTED,
        /**
         * Inference only: batch norms that follow a convolution are folded into it; weights are
         * converted, too, where the precision is bf16.
         */
        FOLDED,
        /**
         * Networks with depthwise layers only: layer norms and 1x1 convolutions as linear layers
         * over rows of pixels. Weights are converted for inference in bf16.
         */
        LINEAR,
        /**
         * Inference of a condensed CondenseNet only: converted as its authors do, to grouped
         * convolutions of gathered inputs and a shuffle of channels; otherwise as {@link #FOLDED}.
         */
        GROUPED
    }

    /** What memory comes from. */
    enum Allocator {
        /** The C library's, with its settings as they are. */
        MALLOC,
        /** jemalloc that keeps memory and has it on huge pages. */
        JEMALLOC
    }

    /**
     * What there is to try for some work, in the order of trying. Plain malloc is left out for NCHW
     * inference, where it is slowest by far.
     */
    static List<PeerVariant> all(
            NetworkSpec spec, Work work, Precision precision, boolean hasJemalloc) {
        Allocator better = hasJemalloc ? Allocator.JEMALLOC : Allocator.MALLOC;
        List<PeerVariant> all = new ArrayList<>();
        for (Style style : styles(spec, work, precision)) {
            for (Layout layout : List.of(Layout.NHWC, Layout.NCHW)) {
                all.add(new PeerVariant(work, precision, layout, style, better));
                boolean likely = work == Work.TRAINING || layout == Layout.NHWC;
                if (hasJemalloc && style == Style.NAIVE && likely) {
                    all.add(new PeerVariant(work, precision, layout, style, Allocator.MALLOC));
                }
            }
        }
        return all;
    }

    private static List<Style> styles(NetworkSpec spec, Work work, Precision precision) {
        List<Style> styles = new ArrayList<>(List.of(Style.NAIVE));
        if (spec.graph().nodes().stream().anyMatch(DepthwiseLayer.class::isInstance)) {
            styles.add(Style.LINEAR);
        }
        if (work == Work.TRAINING) {
            if (spec instanceof DenseNetSpec) {
                styles.add(Style.CHECKPOINT);
            }
            return styles;
        }
        if (precision == Precision.BF16) {
            styles.add(Style.CONVERTED);
        }
        if (!FoldableNorms.of(spec.graph()).isEmpty()) {
            styles.add(Style.FOLDED);
        }
        if (!spec.graph().learnedGroups().isEmpty()) {
            styles.add(Style.GROUPED);
        }
        return styles;
    }

    /** Whether batch norms that follow a convolution are part of it. */
    boolean folds() {
        return style == Style.FOLDED || style == Style.GROUPED;
    }

    static PeerVariant parse(String name) {
        String[] parts = name.toUpperCase(Locale.ROOT).split("-", -1);
        if (parts.length != PARTS) {
            throw new IllegalArgumentException("'" + name + "' is not a variant");
        }
        return new PeerVariant(
                Work.valueOf(parts[0]),
                Precision.valueOf(parts[1]),
                Layout.valueOf(parts[2]),
                Style.valueOf(parts[3]),
                Allocator.valueOf(parts[4]));
    }

    /** Whether autocast rounds on the way. */
    boolean autocasts() {
        boolean converted =
                style == Style.CONVERTED
                        || style == Style.LINEAR && work == Work.INFERENCE
                        || folds();
        return precision == Precision.BF16 && !converted;
    }

    /** Whether the weights themselves are bf16. */
    boolean converts() {
        return precision == Precision.BF16 && !autocasts();
    }

    /** What a table says of it beside work and precision. */
    String label() {
        return lower(layout) + ", " + lower(style) + ", " + lower(allocator);
    }

    private static String lower(Enum<?> constant) {
        return constant.name().toLowerCase(Locale.ROOT);
    }

    @Override
    public String toString() {
        return String.join(
                "-", lower(work), lower(precision), lower(layout), lower(style), lower(allocator));
    }
}
