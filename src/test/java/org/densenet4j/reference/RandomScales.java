package org.densenet4j.reference;

import org.densenet4j.graph.BottleneckLayer;
import org.densenet4j.graph.Classifier;
import org.densenet4j.graph.Columns;
import org.densenet4j.graph.ConvolutionLayer;
import org.densenet4j.graph.Drops;
import org.densenet4j.graph.Features;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.Norm;
import org.densenet4j.graph.PixelClassifier;
import org.densenet4j.graph.PooledConvolution;
import org.densenet4j.graph.Pooling;
import org.densenet4j.graph.Read;
import org.densenet4j.graph.Window;

import java.util.Optional;
import java.util.SplittableRandom;

/**
 * A small random graph whose columns are normalised by those who write them: two scales, layers of
 * both kinds, ways down, pools, reads of parts and of several matrices, and two heads.
 */
public final class RandomScales {
    private final SplittableRandom random;
    private final Graph.Builder graph;
    private final double dropout;
    private final boolean maxima;
    private int norms;
    private int draws;

    private RandomScales(long seed, int height, double dropout, boolean maxima) {
        this.random = new SplittableRandom(seed);
        this.dropout = dropout;
        this.maxima = maxima;
        int h = height > 0 ? height : random.nextInt(9, 17);
        this.graph = Graph.builder("scales-" + seed, h, random.nextInt(9, 17), 3);
    }

    public static Graph of(long seed, double dropout) {
        return new RandomScales(seed, 0, dropout, true).build();
    }

    /** One without max-pools, whose choices rounding changes, and with no sums of few products. */
    public static Graph withoutMaxima(long seed) {
        return new RandomScales(seed, 0, 0, false).build();
    }

    /** One whose images have so many rows of pixels. */
    public static Graph ofHeight(int height, long seed, double dropout) {
        return new RandomScales(seed, height, dropout, true).build();
    }

    private Graph build() {
        int least = maxima ? 1 : 6;
        int k = random.nextInt(least, least + 6);
        int first = random.nextInt(least + 1, least + 8);
        int layers = random.nextInt(1, 4);
        Features fine = stem(first, first + layers * k);
        Window half = new Window(3, 2, 1);
        int h = half.output(fine.height());
        int w = half.output(fine.width());
        int second = random.nextInt(least + 1, least + 8);
        int channels = second + 2 * layers * k;
        Features coarse = new Features("coarse", h, w, channels);
        convolution("scale", Read.activated(fine.prefix(first)), half, coarse.prefix(second));
        for (int l = 0; l < layers; l++) {
            int there = first + l * k;
            int below = second + 2 * l * k;
            Columns old = fine.prefix(there);
            bottleneck("down" + l, old, 2, coarse.columns(below, k));
            bottleneck("normal" + l, coarse.prefix(below), 1, coarse.columns(below + k, k));
            Columns next = fine.columns(there, k);
            if (random.nextBoolean()) {
                bottleneck("fine" + l, old, 1, next);
            } else {
                convolution("fine" + l, Read.activated(old), Window.THREE, next);
            }
        }
        Features reduced = new Features("reduced", h, w, 7 + k);
        convolution("reduce", Read.activated(coarse.all()), Window.POINT, reduced.prefix(5));
        convolution("last", Read.activated(fine.all()), half, reduced.columns(5 + k, 2));
        Columns part = coarse.columns(1, channels - 1);
        Read mixed = Read.activated(part, reduced.prefix(5));
        convolution("mixed", mixed, Window.THREE, reduced.columns(5, k));
        if (random.nextInt(4) == 0) {
            Read coarseNow = Read.activated(coarse.all());
            graph.add(new PixelClassifier("early", coarseNow, "early.conv", 3));
            Read reducedNow = Read.activated(reduced.all());
            graph.add(new PixelClassifier("head", reducedNow, "head.conv", 3));
            return graph.build();
        }
        Features pooled = new Features("pooled", (h + 1) / 2, (w + 1) / 2, 7 + k);
        Pooling.Kind kind =
                maxima && random.nextBoolean() ? Pooling.Kind.MAX : Pooling.Kind.AVERAGE;
        graph.add(new Pooling("pool", Read.activated(reduced.all()), kind, half, pooled.all()));
        graph.add(new Classifier("early", Read.activated(fine.all()), "early.linear", 3));
        graph.add(new Classifier("head", Read.raw(pooled.all()), "head.linear", 3));
        return graph.build();
    }

    private Features stem(int channels, int all) {
        Read.Raw images = Read.raw(graph.input().all());
        int h = graph.input().height();
        int w = graph.input().width();
        if (maxima && random.nextBoolean()) {
            Features x = new Features("fine", (h + 1) / 2, (w + 1) / 2, all);
            boolean bias = random.nextBoolean();
            Columns target = x.prefix(channels);
            graph.add(
                    new PooledConvolution(
                            "stem", images, Window.THREE, "conv0", bias, norm(), target));
            return x;
        }
        Features x = new Features("fine", h, w, all);
        convolution("stem", images, Window.THREE, x.prefix(channels));
        return x;
    }

    private void convolution(String name, Read source, Window window, Columns target) {
        graph.add(
                new ConvolutionLayer(
                        name,
                        source,
                        window,
                        name + ".conv",
                        random.nextInt(3) == 0,
                        drops(),
                        target,
                        Optional.of(norm())));
    }

    private void bottleneck(String name, Columns source, int stride, Columns target) {
        int width =
                random.nextInt(maxima ? 1 : 4, maxima ? 5 : 8) * (target.count() % 2 == 0 ? 2 : 1);
        graph.add(
                new BottleneckLayer(
                        name,
                        Read.activated(source),
                        width,
                        name + ".conv1",
                        norm(),
                        name + ".conv2",
                        target.count() % 2 == 0 && random.nextBoolean() ? 2 : 1,
                        stride,
                        drops(),
                        target,
                        Optional.of(norm())));
    }

    private Norm norm() {
        return new Norm("norm" + norms++, 1e-4, 0.1);
    }

    private Drops drops() {
        return new Drops(++draws, dropout, 1);
    }
}
