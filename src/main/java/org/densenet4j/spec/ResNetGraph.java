package org.densenet4j.spec;

import static org.densenet4j.spec.ResNetSpec.Shortcut.SUBSAMPLED;

import org.densenet4j.graph.Addition;
import org.densenet4j.graph.Classifier;
import org.densenet4j.graph.Columns;
import org.densenet4j.graph.ConvolutionLayer;
import org.densenet4j.graph.Drops;
import org.densenet4j.graph.Features;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.Initialisation;
import org.densenet4j.graph.Norm;
import org.densenet4j.graph.PooledConvolution;
import org.densenet4j.graph.Pooling;
import org.densenet4j.graph.Read;
import org.densenet4j.graph.Window;

/**
 * A ResNet as a graph, with torchvision's names. Every convolution's output has a matrix of its
 * own, before its batch normalisation, whose output its reader makes; so have the sums.
 */
final class ResNetGraph {
    private final ResNetSpec spec;
    private final Graph.Builder graph;

    private ResNetGraph(ResNetSpec spec) {
        this.spec = spec;
        this.graph =
                Graph.builder(
                                spec.name(),
                                spec.inputHeight(),
                                spec.inputWidth(),
                                spec.inputChannels())
                        .initialisation(Initialisation.RESNET);
    }

    static Graph of(ResNetSpec spec) {
        return new ResNetGraph(spec).build();
    }

    private Graph build() {
        Columns x = stem();
        for (int stage = 1; stage <= spec.unitsPerStage().size(); stage++) {
            for (int index = 0; index < spec.unitsPerStage().get(stage - 1); index++) {
                x = new ResidualUnit(stage, index, x).add();
            }
        }
        Read last = spec.preActivation() ? Read.normalisedRelu(norm("bn"), x) : Read.raw(x);
        return graph.add(new Classifier("head", last, "fc", spec.classes())).build();
    }

    /** What enters the first stage: behind a ReLU unless the units make their own. */
    private Columns stem() {
        Read.Raw images = Read.raw(graph.input().all());
        int channels = spec.initialChannels();
        if (spec.stem() == Stem.IMAGENET) {
            Window window = new Window(7, 2, 3);
            Window pool = new Window(3, 2, 1);
            Features x =
                    new Features(
                            "layer1",
                            pool.output(window.output(spec.inputHeight())),
                            pool.output(window.output(spec.inputWidth())),
                            channels);
            graph.add(new PooledConvolution("stem", images, window, "conv1", norm("bn1"), x.all()));
            return x.all();
        }
        Features x = new Features("layer1", spec.inputHeight(), spec.inputWidth(), channels);
        if (spec.preActivation()) {
            convolution("stem", images, Window.THREE, "conv1", x.all());
            return x.all();
        }
        Features convolved =
                new Features("stem.convolved", spec.inputHeight(), spec.inputWidth(), channels);
        convolution("stem.conv1", images, Window.THREE, "conv1", convolved.all());
        activation("stem.activation", norm("bn1"), convolved.all(), x.all());
        return x.all();
    }

    private void convolution(
            String node, Read source, Window window, String tensors, Columns target) {
        graph.add(
                new ConvolutionLayer(node, source, window, tensors, false, Drops.NOTHING, target));
    }

    /** BN-ReLU of what several nodes read in the same form: their mean over one pixel. */
    private void activation(String node, Norm norm, Columns source, Columns target) {
        Read read = Read.normalisedRelu(norm, source);
        graph.add(new Pooling(node, read, Pooling.Kind.AVERAGE, Window.POINT, target));
    }

    private Norm norm(String name) {
        return new Norm(name, spec.bnEpsilon(), spec.bnMomentum());
    }

    /** One unit: a branch of convolutions, a shortcut, and their sum. */
    private final class ResidualUnit {
        private final String name;
        private final boolean first;
        private final boolean firstOfAll;
        private final int stride;
        private final int inner;
        private final Columns x;

        ResidualUnit(int stage, int index, Columns x) {
            this.name = "layer" + stage + "." + index;
            this.first = index == 0;
            this.firstOfAll = first && stage == 1;
            this.stride = first && stage > 1 ? 2 : 1;
            this.inner = spec.initialChannels() << (stage - 1);
            this.x = x;
        }

        Columns add() {
            Features sum = features("", stride, inner * spec.unit().expansion());
            Read branch;
            Columns past = x;
            if (spec.preActivation()) {
                past = first ? activated() : x;
                branch = Read.raw(branch(past));
            } else {
                branch = Read.normalised(norm(tensors("bn", convolutions())), branch(past));
            }
            Read shortcut = shortcut(past, sum);
            boolean relu = !spec.preActivation();
            graph.add(new Addition(name + ".sum", branch, shortcut, relu, sum.all()));
            return sum.all();
        }

        /**
         * BN-ReLU of the unit's input, which a stage's first unit shares between branch and
         * shortcut. Behind the stem for ImageNet, which ends with a ReLU, there is none.
         */
        private Columns activated() {
            if (firstOfAll && spec.stem() == Stem.IMAGENET) {
                return x;
            }
            Features activated = features(".activated", 1, x.count());
            activation(name + ".activation", norm(tensors("bn", 1)), x, activated.all());
            return activated.all();
        }

        /** Adds the convolutions; returns the output of the last. */
        private Columns branch(Columns past) {
            Columns y = past;
            int made = 1;
            for (int i = 1; i <= convolutions(); i++) {
                Window window = window(i);
                made *= window.stride();
                boolean last = i == convolutions();
                int channels = last ? inner * spec.unit().expansion() : inner;
                Features z = features(".convolved" + i, made, channels);
                convolution(name + ".conv" + i, source(i, y), window, tensors("conv", i), z.all());
                y = z.all();
            }
            return y;
        }

        private Read source(int i, Columns y) {
            if (spec.preActivation()) {
                return i == 1 && first
                        ? Read.raw(y)
                        : Read.normalisedRelu(norm(tensors("bn", i)), y);
            }
            return i == 1 ? Read.raw(y) : Read.normalisedRelu(norm(tensors("bn", i - 1)), y);
        }

        private int convolutions() {
            return spec.unit().convolutions();
        }

        private Window window(int i) {
            boolean bottleneck = spec.unit() == ResNetSpec.Unit.BOTTLENECK;
            int strided = bottleneck && !spec.preActivation() ? 2 : 1;
            int kernel = bottleneck && i != 2 ? 1 : 3;
            return new Window(kernel, i == strided ? stride : 1, kernel / 2);
        }

        private Read shortcut(Columns past, Features sum) {
            boolean sameChannels = past.count() == sum.channels();
            if (stride == 1 && (sameChannels || spec.shortcut() == SUBSAMPLED)) {
                return Read.raw(past);
            }
            Read source = Read.raw(past);
            Window window = new Window(1, stride, 0);
            if (spec.shortcut() == SUBSAMPLED) {
                Columns y = features(".shortcut", stride, past.count()).all();
                graph.add(
                        new Pooling(name + ".subsample", source, Pooling.Kind.AVERAGE, window, y));
                return Read.raw(y);
            }
            Columns y = features(".shortcut", stride, sum.channels()).all();
            String tensors = name + ".downsample.";
            convolution(name + ".downsample", source, window, tensors + 0, y);
            return spec.preActivation() ? Read.raw(y) : Read.normalised(norm(tensors + 1), y);
        }

        private String tensors(String what, int i) {
            return name + "." + what + i;
        }

        private Features features(String what, int steps, int channels) {
            Window window = new Window(1, steps, 0);
            return new Features(
                    name + what,
                    window.output(x.of().height()),
                    window.output(x.of().width()),
                    channels);
        }
    }
}
