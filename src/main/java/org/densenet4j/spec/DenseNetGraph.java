package org.densenet4j.spec;

import org.densenet4j.graph.BottleneckLayer;
import org.densenet4j.graph.Classifier;
import org.densenet4j.graph.Columns;
import org.densenet4j.graph.ConvolutionLayer;
import org.densenet4j.graph.Drops;
import org.densenet4j.graph.Features;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.Node;
import org.densenet4j.graph.Norm;
import org.densenet4j.graph.PooledConvolution;
import org.densenet4j.graph.Pooling;
import org.densenet4j.graph.Read;
import org.densenet4j.graph.Transition;
import org.densenet4j.graph.Window;

/**
 * A DenseNet as a graph, with torchvision's names. This is where concatenation disappears: a dense
 * block is one matrix, and each of its layers reads a column prefix and writes the next columns.
 */
final class DenseNetGraph {
    private static final int LAYERS_OF_NUMBERED_BLOCK = 1000;

    private final DenseNetSpec spec;
    private final NetworkShape shape;
    private final Graph.Builder graph;

    private DenseNetGraph(DenseNetSpec spec) {
        this.spec = spec;
        this.shape = NetworkShape.of(spec);
        this.graph =
                Graph.builder(
                        spec.name(), spec.inputHeight(), spec.inputWidth(), spec.inputChannels());
    }

    static Graph of(DenseNetSpec spec) {
        return new DenseNetGraph(spec).build();
    }

    private Graph build() {
        Features x = features(shape.blocks().getFirst());
        stem(x.prefix(spec.initialChannels()));
        for (BlockShape block : shape.blocks()) {
            int channels = block.inputChannels();
            for (LayerShape layer : block.layers()) {
                graph.add(
                        layer(layer, x.prefix(channels), x.columns(channels, layer.growthRate())));
                channels += layer.growthRate();
            }
            if (block.index() < shape.blocks().size()) {
                TransitionShape t = shape.transitions().get(block.index() - 1);
                Features next = features(shape.blocks().get(block.index()));
                graph.add(transition(t, x.all(), next.prefix(t.outputChannels())));
                x = next;
            }
        }
        return graph.add(head(x.all())).build();
    }

    private static Features features(BlockShape block) {
        return new Features(
                "block" + block.index(), block.height(), block.width(), block.totalChannels());
    }

    private void stem(Columns target) {
        if (spec.stem().isDeep()) {
            deepStem(target);
            return;
        }
        StemShape s = shape.stem();
        Window window = new Window(s.kernel(), s.stride(), s.padding());
        Read.Raw images = Read.raw(graph.input().all());
        String convolution = "features.conv0";
        graph.add(
                spec.stem() == Stem.IMAGENET
                        ? new PooledConvolution(
                                "stem", images, window, convolution, stemNorm(0), target)
                        : convolution("stem", images, window, convolution, target));
    }

    /** Three convolutions, each output in a matrix of its own, and a pool. */
    private void deepStem(Columns target) {
        Read source = Read.raw(graph.input().all());
        Window window = new Window(3, 2, 1);
        for (int i = 0; i < 3; i++) {
            int channels = i < 2 ? spec.growthRate() : target.count();
            Features convolved =
                    new Features(
                            "stem.convolved" + i,
                            window.output(source.height()),
                            window.output(source.width()),
                            channels);
            graph.add(
                    convolution(
                            "stem.conv" + i, source, window, "features.conv" + i, convolved.all()));
            source = Read.normalisedRelu(stemNorm(i), convolved.all());
            window = Window.THREE;
        }
        Pooling.Kind kind =
                spec.stem() == Stem.DEEP ? Pooling.Kind.MAX : Pooling.Kind.MAX_THEN_BLUR;
        graph.add(new Pooling("stem.pool", source, kind, new Window(3, 2, 1), target));
    }

    private static Node convolution(
            String name, Read source, Window window, String tensors, Columns target) {
        return new ConvolutionLayer(name, source, window, tensors, false, Drops.NOTHING, target);
    }

    private Norm stemNorm(int index) {
        return norm("features.norm" + index);
    }

    private Node layer(LayerShape layer, Columns prefix, Columns target) {
        String name = layer.name();
        String tensors = "features.denseblock" + layer.block() + ".denselayer" + layer.index();
        Read.Normalised source = Read.normalisedRelu(norm(tensors + ".norm1"), prefix);
        Drops drops =
                new Drops(
                        draw(layer.block(), layer.index()),
                        spec.dropout(),
                        spec.survivalProbability(layer.block(), layer.index()));
        String conv1 = tensors + ".conv1";
        return spec.hasBottleneck()
                ? new BottleneckLayer(
                        name,
                        source,
                        layer.bottleneckChannels(),
                        conv1,
                        norm(tensors + ".norm2"),
                        tensors + ".conv2",
                        drops,
                        target)
                : new ConvolutionLayer(name, source, Window.THREE, conv1, false, drops, target);
    }

    private Node transition(TransitionShape t, Columns source, Columns target) {
        String tensors = "features." + t.name();
        return new Transition(
                t.name(),
                Read.normalisedRelu(norm(tensors + ".norm"), source),
                tensors + ".conv",
                target);
    }

    private Node head(Columns source) {
        return new Classifier(
                "head",
                Read.normalisedRelu(norm("features.norm5"), source),
                "classifier",
                spec.classes());
    }

    private Norm norm(String name) {
        return new Norm(name, spec.bnEpsilon(), spec.bnMomentum());
    }

    /**
     * A number of its own for every layer of a network: what it drops depends on it. Checkpoints of
     * networks whose blocks have up to a thousand layers continue with these draws, so their
     * numbers stay as they are; those of longer blocks lie above all of them.
     */
    private static int draw(int block, int index) {
        int most = LAYERS_OF_NUMBERED_BLOCK;
        return index <= most ? most * block + index : 1 << 30 | block << 20 | index;
    }
}
