package org.densenet4j.spec;

import org.densenet4j.graph.BottleneckLayer;
import org.densenet4j.graph.Classifier;
import org.densenet4j.graph.Columns;
import org.densenet4j.graph.ConvolutionLayer;
import org.densenet4j.graph.Drops;
import org.densenet4j.graph.Features;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.Initialisation;
import org.densenet4j.graph.LearnedGroups;
import org.densenet4j.graph.Norm;
import org.densenet4j.graph.Pooling;
import org.densenet4j.graph.Read;
import org.densenet4j.graph.Window;

/**
 * A CondenseNet as a graph, with the authors' names. Each block has a matrix whose first columns
 * are those of all blocks before, pooled: so layers are connected across blocks.
 */
final class CondenseNetGraph {
    private static final Window HALVING = new Window(2, 2, 0);

    private final CondenseNetSpec spec;
    private final Graph.Builder graph;

    private CondenseNetGraph(CondenseNetSpec spec) {
        this.spec = spec;
        this.graph =
                Graph.builder(
                                spec.name(),
                                spec.inputHeight(),
                                spec.inputWidth(),
                                spec.inputChannels())
                        .initialisation(Initialisation.FAN_OUT);
    }

    static Graph of(CondenseNetSpec spec) {
        return new CondenseNetGraph(spec).build();
    }

    private Graph build() {
        int stride = spec.initialStride();
        Window window = new Window(3, stride, 1);
        int channels = spec.initialChannels();
        Features x =
                block(
                        1,
                        window.output(spec.inputHeight()),
                        window.output(spec.inputWidth()),
                        channels);
        graph.add(
                new ConvolutionLayer(
                        "stem",
                        Read.raw(graph.input().all()),
                        window,
                        "features.init_conv",
                        false,
                        Drops.NOTHING,
                        x.prefix(channels)));
        int blocks = spec.layersPerBlock().size();
        for (int block = 1; block <= blocks; block++) {
            layers(block, x, channels);
            channels = x.channels();
            if (block < blocks) {
                Features next =
                        block(
                                block + 1,
                                HALVING.output(x.height()),
                                HALVING.output(x.width()),
                                channels);
                graph.add(
                        new Pooling(
                                "transition" + block,
                                Read.raw(x.all()),
                                Pooling.Kind.AVERAGE,
                                HALVING,
                                next.prefix(channels)));
                x = next;
            }
        }
        Read last = Read.normalisedRelu(norm("features.norm_last"), x.all());
        return graph.add(new Classifier("head", last, "classifier", spec.classes())).build();
    }

    private Features block(int block, int height, int width, int entering) {
        int own = spec.layersPerBlock().get(block - 1) * spec.growthRates().get(block - 1);
        return new Features("block" + block, height, width, entering + own);
    }

    private void layers(int block, Features x, int entering) {
        int k = spec.growthRates().get(block - 1);
        for (int layer = 1; layer <= spec.layersPerBlock().get(block - 1); layer++) {
            int channels = entering + (layer - 1) * k;
            String tensors = "features.denseblock_" + block + ".denselayer_" + layer;
            Columns target = x.columns(channels, k);
            String conv1 = tensors + ".conv_1.conv";
            graph.add(
                    new BottleneckLayer(
                            "block" + block + ".layer" + layer,
                            Read.normalisedRelu(norm(tensors + ".conv_1.norm"), x.prefix(channels)),
                            spec.bottleneckWidth() * k,
                            conv1,
                            norm(tensors + ".conv_2.norm"),
                            tensors + ".conv_2.conv",
                            spec.groups(),
                            Drops.NOTHING,
                            target));
            graph.learnedGroups(
                    new LearnedGroups(conv1 + ".weight", spec.groups(), spec.condensationFactor()));
        }
    }

    private Norm norm(String name) {
        return new Norm(name, spec.bnEpsilon(), spec.bnMomentum());
    }
}
