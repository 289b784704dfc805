package org.densenet4j.reference;

import org.densenet4j.graph.Classifier;
import org.densenet4j.graph.ConvolutionLayer;
import org.densenet4j.graph.DepthwiseLayer;
import org.densenet4j.graph.Drops;
import org.densenet4j.graph.Features;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.LayerNorm;
import org.densenet4j.graph.Norm;
import org.densenet4j.graph.PatchConvolution;
import org.densenet4j.graph.PatchConvolution.NormPlace;
import org.densenet4j.graph.Read;
import org.densenet4j.graph.Window;

import java.util.Optional;
import java.util.SplittableRandom;

/**
 * A small random network of depthwise layers: a stem of patches, two stages with or without gates
 * and a transition between them, sometimes a layer behind batch norm among them, and a head with or
 * without a layer normalisation.
 */
public final class RandomMixers {
    private final SplittableRandom random;
    private final Graph.Builder graph;
    private final double survival;
    private int draws;

    private RandomMixers(long seed, int height, double survival) {
        this.random = new SplittableRandom(seed);
        this.survival = survival;
        int width = random.nextInt(5, 14);
        this.graph = Graph.builder("mixers-" + seed, height, width, random.nextInt(1, 4));
    }

    /**
     * A network without ReLUs, but for seeds that are divisible by four.
     *
     * @param survival of images in drop path
     */
    public static Graph of(long seed, double survival) {
        return new RandomMixers(seed, 5 + (int) (seed * 7 % 9), survival).build(seed % 4 == 0);
    }

    /** One whose images have so many rows of pixels. */
    public static Graph ofHeight(int height, long seed, double survival) {
        return new RandomMixers(seed, height, survival).build(false);
    }

    private Graph build(boolean withBatchNorm) {
        int patch = random.nextInt(1, 4);
        int first = random.nextInt(2, 21);
        int k = random.nextInt(1, 10);
        Window window = new Window(patch, patch, 0);
        Features x =
                new Features(
                        "one",
                        window.output(graph.input().height()),
                        window.output(graph.input().width()),
                        first + 3 * k);
        graph.add(
                new PatchConvolution(
                        "stem",
                        Read.raw(graph.input().all()),
                        patch,
                        "stem.0",
                        new LayerNorm("stem.1", 1e-3),
                        NormPlace.BEHIND,
                        x.prefix(first)));
        layers(x, first, k, withBatchNorm);
        int stride = Math.min(x.height(), x.width()) > 1 ? random.nextInt(1, 3) : 1;
        Window halves = new Window(stride, stride, 0);
        int second = random.nextInt(2, 30);
        Features y =
                new Features(
                        "two", halves.output(x.height()), halves.output(x.width()), second + 3 * k);
        graph.add(
                new PatchConvolution(
                        "transition",
                        Read.raw(x.all()),
                        stride,
                        "transition.1",
                        new LayerNorm("transition.0", 1e-3),
                        NormPlace.BEFORE,
                        y.prefix(second)));
        layers(y, second, k, false);
        Optional<LayerNorm> norm =
                random.nextInt(3) > 0
                        ? Optional.of(new LayerNorm("head.norm", 1e-3))
                        : Optional.empty();
        graph.add(new Classifier("head", Read.raw(y.all()), norm, "head.fc", random.nextInt(2, 6)));
        return graph.build();
    }

    private void layers(Features x, int first, int k, boolean withBatchNorm) {
        for (int l = 0; l < 3; l++) {
            String name = x.name() + ".layer" + l;
            int channels = first + l * k;
            if (withBatchNorm && l == 1) {
                Norm norm = new Norm(name + ".norm", 1e-4, 0.1);
                graph.add(
                        ConvolutionLayer.of(
                                name,
                                Read.normalisedRelu(norm, x.prefix(channels)),
                                Window.THREE,
                                x.columns(channels, k)));
                continue;
            }
            graph.add(
                    new DepthwiseLayer(
                            name,
                            Read.raw(x.prefix(channels)),
                            1 + 2 * random.nextInt(4),
                            name + ".0",
                            new LayerNorm(name + ".1", 1e-3),
                            random.nextInt(1, 40),
                            name + ".2",
                            name + ".4",
                            random.nextBoolean() ? Optional.of(name + ".5.fc") : Optional.empty(),
                            name + ".gamma",
                            new Drops(++draws, 0, survival),
                            x.columns(channels, k)));
        }
    }
}
