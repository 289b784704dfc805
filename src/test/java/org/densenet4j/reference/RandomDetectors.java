package org.densenet4j.reference;

import org.densenet4j.graph.Columns;
import org.densenet4j.graph.ConvolutionLayer;
import org.densenet4j.graph.Drops;
import org.densenet4j.graph.Features;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.L2Norm;
import org.densenet4j.graph.Norm;
import org.densenet4j.graph.PixelLogits;
import org.densenet4j.graph.Pooling;
import org.densenet4j.graph.Read;
import org.densenet4j.graph.Window;

import java.util.SplittableRandom;

/**
 * A small random graph with L2 normalisations: of a prefix beside readers that normalise it
 * otherwise and not at all, before convolutions of stride 1 and 2 and before the heads, which have
 * no weights and share one convolution.
 */
public final class RandomDetectors {
    private final SplittableRandom random;
    private final Graph.Builder graph;
    private final double dropout;
    private final boolean maxima;
    private int norms;
    private int draws;

    private RandomDetectors(long seed, int height, double dropout, boolean maxima) {
        this.random = new SplittableRandom(seed);
        this.dropout = dropout;
        this.maxima = maxima;
        int h = height > 0 ? height : random.nextInt(7, 16);
        this.graph = Graph.builder("detector-" + seed, h, random.nextInt(7, 16), 3);
    }

    public static Graph of(long seed, double dropout) {
        return new RandomDetectors(seed, 0, dropout, true).build();
    }

    /** One whose images have so many rows of pixels. */
    public static Graph ofHeight(int height, long seed) {
        return new RandomDetectors(seed, height, 0, true).build();
    }

    /** One without max-pools, whose choices rounding changes. */
    public static Graph withoutMaxima(long seed) {
        return new RandomDetectors(seed, 0, 0, false).build();
    }

    private Graph build() {
        int k = random.nextInt(2, 9);
        int first = random.nextInt(4, 12);
        int layers = random.nextInt(1, 4);
        int height = graph.input().height();
        int width = graph.input().width();
        Features x = new Features("block", height, width, first + layers * k);
        Read images = Read.raw(graph.input().all());
        convolution("stem", images, Window.THREE, x.prefix(first));
        for (int l = 0; l < layers; l++) {
            Columns prefix = x.prefix(first + l * k);
            convolution(
                    "layer" + l,
                    random.nextBoolean() ? l2(prefix) : relu(prefix),
                    random.nextBoolean() ? Window.THREE : Window.POINT,
                    x.columns(first + l * k, k));
        }
        boolean halved = random.nextBoolean();
        Features y = halved ? halved(x, k) : x;
        int classes = random.nextInt(2, 5);
        Features outputs = new Features("outputs", y.height(), y.width(), 4 + classes);
        if (random.nextBoolean()) { // another head of the same features
            graph.add(new PixelLogits("raw", Read.raw(y.prefix(4))));
        }
        convolution("heads", l2(y.all()), Window.THREE, outputs.all());
        graph.add(new PixelLogits("offsets", Read.normalised(norm(), outputs.prefix(4))));
        Columns scores = outputs.columns(4, classes);
        graph.add(
                new PixelLogits(
                        "classes",
                        random.nextInt(3) == 0
                                ? Read.raw(scores)
                                : Read.normalised(norm(), scores)));
        return graph.build();
    }

    /** A pool, which rounds up, beside a convolution of stride 2. */
    private Features halved(Features x, int k) {
        Window pool = new Window(2, 2, 0);
        Features y =
                new Features(
                        "halved",
                        pool.outputOfAll(x.height()),
                        pool.outputOfAll(x.width()),
                        x.channels() + k);
        Columns pooled = y.prefix(x.channels());
        if (maxima) {
            Pooling.Kind kind = Pooling.Kind.MAX_OF_ALL;
            graph.add(new Pooling("pool", Read.raw(x.all()), kind, pool, pooled));
        } else {
            convolution("pool", relu(x.all()), new Window(3, 2, 1), pooled);
        }
        convolution("down", l2(x.all()), new Window(3, 2, 1), y.columns(x.channels(), k));
        return y;
    }

    private void convolution(String name, Read source, Window window, Columns target) {
        graph.add(
                new ConvolutionLayer(
                        name,
                        source,
                        window,
                        name + ".conv",
                        random.nextInt(3) == 0,
                        name.equals("heads") ? Drops.NOTHING : new Drops(++draws, dropout, 1),
                        target));
    }

    private Read l2(Columns columns) {
        return Read.l2Normalised(new L2Norm("l2norm" + norms++, 1e-2), columns);
    }

    private Read relu(Columns columns) {
        return Read.normalisedRelu(norm(), columns);
    }

    private Norm norm() {
        return new Norm("norm" + norms++, 1e-3, 0.1);
    }
}
