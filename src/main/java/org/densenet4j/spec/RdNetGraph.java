package org.densenet4j.spec;

import org.densenet4j.graph.Classifier;
import org.densenet4j.graph.DepthwiseLayer;
import org.densenet4j.graph.Drops;
import org.densenet4j.graph.Features;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.Initialisation;
import org.densenet4j.graph.LayerNorm;
import org.densenet4j.graph.PatchConvolution;
import org.densenet4j.graph.PatchConvolution.NormPlace;
import org.densenet4j.graph.Read;
import org.densenet4j.graph.Window;

import java.util.Optional;

/** An RDNet as a graph, with timm's names: a matrix for each stage. */
final class RdNetGraph {
    private final RdNetSpec spec;
    private final Graph.Builder graph;
    private final int layers;
    private int made;

    private RdNetGraph(RdNetSpec spec) {
        this.spec = spec;
        this.layers = spec.layersPerStage().stream().mapToInt(Integer::intValue).sum();
        this.graph =
                Graph.builder(
                                spec.name(),
                                spec.inputHeight(),
                                spec.inputWidth(),
                                spec.inputChannels())
                        .initialisation(Initialisation.RDNET);
    }

    static Graph of(RdNetSpec spec) {
        return new RdNetGraph(spec).build();
    }

    private Graph build() {
        Features before = graph.input();
        for (int stage = 1; stage <= spec.growthRates().size(); stage++) {
            int patch = stage == 1 ? spec.patch() : spec.halvingStages().contains(stage) ? 2 : 1;
            before = stage(stage, before, patch);
        }
        return graph.add(
                        new Classifier(
                                "head",
                                Read.raw(before.all()),
                                Optional.of(norm("head.norm")),
                                "head.fc",
                                spec.classes()))
                .build();
    }

    private Features stage(int stage, Features before, int patch) {
        int entering = Math.toIntExact(spec.entering(stage));
        int k = spec.growthRates().get(stage - 1);
        int count = spec.layersPerStage().get(stage - 1);
        Window window = new Window(patch, patch, 0);
        Features x =
                new Features(
                        "stage" + stage,
                        window.output(before.height()),
                        window.output(before.width()),
                        entering + count * k);
        String stem = "stem";
        String names = "dense_stages." + (stage - 1);
        boolean first = stage == 1;
        graph.add(
                new PatchConvolution(
                        first ? stem : "transition" + (stage - 1),
                        Read.raw(before.all()),
                        patch,
                        first ? stem + ".0" : names + ".1",
                        norm(first ? stem + ".1" : names + ".0"),
                        first ? NormPlace.BEHIND : NormPlace.BEFORE,
                        x.prefix(entering)));
        for (int layer = 0; layer < count; layer++) {
            String block = names + (first ? ".0" : ".2") + ".dense_block" + layer;
            layer("stage" + stage + ".layer" + (layer + 1), block, stage, x, entering + layer * k);
        }
        return x;
    }

    private void layer(String name, String block, int stage, Features x, int prefix) {
        int k = spec.growthRates().get(stage - 1);
        String tensors = block + ".layers.layers.";
        graph.add(
                new DepthwiseLayer(
                        name,
                        Read.raw(x.prefix(prefix)),
                        spec.kernel(),
                        tensors + 0,
                        norm(tensors + 1),
                        spec.middle(prefix),
                        tensors + 2,
                        tensors + 4,
                        stage >= spec.gatedFrom()
                                ? Optional.of(tensors + "5.fc")
                                : Optional.empty(),
                        block + ".gamma",
                        drops(),
                        x.columns(prefix, k)));
    }

    /** Drop path rises linearly over the layers, from none for the first. */
    private Drops drops() {
        int index = made++;
        double rate = layers == 1 ? 0 : spec.stochasticDepth() * index / (layers - 1);
        return new Drops(made, 0, 1 - rate);
    }

    private LayerNorm norm(String name) {
        return new LayerNorm(name, spec.bnEpsilon());
    }
}
