package org.densenet4j.spec;

import org.densenet4j.graph.BottleneckLayer;
import org.densenet4j.graph.Classifier;
import org.densenet4j.graph.Columns;
import org.densenet4j.graph.ConvolutionLayer;
import org.densenet4j.graph.Drops;
import org.densenet4j.graph.Features;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.Initialisation;
import org.densenet4j.graph.Norm;
import org.densenet4j.graph.PooledConvolution;
import org.densenet4j.graph.Read;
import org.densenet4j.graph.Window;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * An MSDNet as a graph, with the names of its authors' PyTorch code. Every scale has a matrix from
 * one reduction to the next: layers read a prefix of it, the scale below reads the same prefix, and
 * whatever is written is normalised by its own batch norm for all of them.
 */
final class MsdNetGraph {
    private static final Window HALVING = new Window(3, 2, 1);

    private final MsdNetSpec spec;
    private final MsdNetLayers layers;
    private final Graph.Builder graph;

    /** Of each scale, its matrix and how many of its columns are there. */
    private final List<Features> scales = new ArrayList<>();

    private int[] there;
    private int reductions;

    private MsdNetGraph(MsdNetSpec spec) {
        this.spec = spec;
        this.layers = spec.layers();
        this.graph =
                Graph.builder(
                                spec.name(),
                                spec.inputHeight(),
                                spec.inputWidth(),
                                spec.inputChannels())
                        .initialisation(Initialisation.FAN_OUT);
    }

    static Graph of(MsdNetSpec spec) {
        return new MsdNetGraph(spec).build();
    }

    private Graph build() {
        firstLayer();
        int layer = 0;
        for (int exit = 1; exit <= spec.exits(); exit++) {
            int index = exit == 1 ? 1 : 0; // of the authors' lists, in which the first layer counts
            String block = "blocks." + (exit - 1) + ".";
            for (int l = 0; l < spec.layersPerExit().get(exit - 1); l++) {
                layer++;
                layer(layer, block + index++ + ".layers.");
                if (layers.reducesBehind(layer)) {
                    reduce(layer, block + index++ + ".m.");
                }
            }
            exit(exit);
        }
        return graph.build();
    }

    // ---------------------------------------------------------------- the first layer

    private void firstLayer() {
        Window stem = spec.stem() == Stem.IMAGENET ? new Window(7, 2, 3) : Window.THREE;
        int height = stem.output(spec.inputHeight());
        int width = stem.output(spec.inputWidth());
        if (spec.stem() == Stem.IMAGENET) {
            height = HALVING.output(height);
            width = HALVING.output(width);
        }
        there = new int[spec.scales()];
        for (int s = 0; s < spec.scales(); s++) {
            there[s] = layers.channels(s, 0);
            scales.add(matrix(s, height, width, 1));
            height = HALVING.output(height);
            width = HALVING.output(width);
        }
        Columns first = scales.getFirst().prefix(there[0]);
        String tensors = "blocks.0.0.layers.0.";
        Read.Raw images = Read.raw(graph.input().all());
        if (spec.stem() == Stem.IMAGENET) {
            Norm norm = norm(tensors + "1");
            graph.add(
                    new PooledConvolution("stem", images, stem, tensors + "0", true, norm, first));
        } else {
            convolution("stem", images, stem, tensors + "net", first);
        }
        for (int s = 1; s < spec.scales(); s++) {
            convolution(
                    "stem-scale" + (s + 1),
                    Read.activated(scales.get(s - 1).prefix(there[s - 1])),
                    HALVING,
                    "blocks.0.0.layers." + s + ".net",
                    scales.get(s).prefix(there[s]));
        }
    }

    /** The matrix of a scale for the layers from one on, up to the next reduction. */
    private Features matrix(int scale, int height, int width, int firstLayer) {
        String part = reductions == 0 ? "" : "-reduced" + reductions;
        int channels = layers.channels(scale, firstLayer - 1);
        for (int l = firstLayer; l <= layers.count(); l++) {
            channels += layers.isThere(scale, l) ? layers.growth(scale) : 0;
            if (layers.reducesBehind(l)) {
                break;
            }
        }
        return new Features("scale" + (scale + 1) + part, height, width, channels);
    }

    // ---------------------------------------------------------------- layers

    /** Reads what was there before it: first the scales below, which read finer ones as well. */
    private void layer(int layer, String tensors) {
        int[] before = there.clone();
        int finest = layers.finest(layer);
        for (int s = finest; s < spec.scales(); s++) {
            String name = "layer" + layer + "-scale" + (s + 1);
            String branch = tensors + (s - finest) + ".";
            int growth = layers.growth(s);
            boolean fromFiner = s > finest || layers.finest(layer - 1) < finest;
            if (fromFiner) {
                branch(name + "-down", s - 1, s, before, growth / 2, branch + "conv_down.net.");
                growth /= 2;
            }
            branch(name + "-normal", s, s, before, growth, branch + "conv_normal.net.");
        }
    }

    private void branch(String name, int from, int to, int[] before, int out, String tensors) {
        int channels = before[from];
        int width = Math.min(channels, spec.bottleneckFactors().get(from) * out);
        graph.add(
                new BottleneckLayer(
                        name,
                        Read.activated(scales.get(from).prefix(channels)),
                        width,
                        tensors + "0",
                        norm(tensors + "1"),
                        tensors + "3",
                        1,
                        from == to ? 1 : 2,
                        Drops.NOTHING,
                        scales.get(to).columns(there[to], out),
                        Optional.of(norm(tensors + "4"))));
        there[to] += out;
    }

    /**
     * A 1x1 convolution of each scale that is left, to fewer channels, in a matrix of their own.
     */
    private void reduce(int layer, String tensors) {
        reductions++;
        int finest = layers.finest(layer);
        for (int s = finest; s < spec.scales(); s++) {
            Features old = scales.get(s);
            Features reduced = matrix(s, old.height(), old.width(), layer + 1);
            there[s] = layers.channels(s, layer);
            convolution(
                    "reduction" + reductions + "-scale" + (s + 1),
                    Read.activated(old.all()),
                    Window.POINT,
                    tensors + (s - finest) + ".net",
                    reduced.prefix(there[s]));
            scales.set(s, reduced);
        }
    }

    // ---------------------------------------------------------------- exits

    private void exit(int exit) {
        int coarsest = spec.scales() - 1;
        Columns source = scales.get(coarsest).prefix(there[coarsest]);
        int channels = spec.exitChannels() > 0 ? spec.exitChannels() : source.count();
        String tensors = "classifier." + (exit - 1) + ".";
        for (int c = 0; c < 2; c++) {
            Features next =
                    new Features(
                            "exit" + exit + (c == 0 ? "-half" : "-quarter"),
                            HALVING.output(source.of().height()),
                            HALVING.output(source.of().width()),
                            channels);
            convolution(
                    "exit" + exit + "-conv" + (c + 1),
                    Read.activated(source),
                    HALVING,
                    tensors + "m." + c + ".net",
                    next.all());
            source = next.all();
        }
        graph.add(
                new Classifier(
                        "exit" + exit, Read.activated(source), tensors + "linear", spec.classes()));
    }

    private void convolution(
            String name, Read source, Window window, String tensors, Columns target) {
        graph.add(
                new ConvolutionLayer(
                        name,
                        source,
                        window,
                        tensors + ".0",
                        false,
                        Drops.NOTHING,
                        target,
                        Optional.of(norm(tensors + ".1"))));
    }

    private Norm norm(String name) {
        return new Norm(name, spec.bnEpsilon(), spec.bnMomentum());
    }
}
