package org.densenet4j.reference;

import org.densenet4j.graph.Addition;
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
import org.densenet4j.graph.Transition;
import org.densenet4j.graph.TransitionDown;
import org.densenet4j.graph.TransitionUp;
import org.densenet4j.graph.Window;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/**
 * A small random graph with every kind of node: a dense block, a residual sum of it, one of the
 * ways down, a second dense block, the way up, layers that read [upsampled, skip, new], and a head.
 */
public final class RandomGraph {
    private final SplittableRandom random;
    private final Graph.Builder graph;
    private final double dropout;
    private int norms;
    private int draws;

    private RandomGraph(SplittableRandom random, String name, double dropout, int height) {
        this.random = random;
        this.dropout = dropout;
        this.graph = Graph.builder(name, height, random.nextInt(9, 17), random.nextInt(1, 4));
    }

    public static Graph of(long seed, double dropout) {
        SplittableRandom random = new SplittableRandom(seed);
        int height = random.nextInt(9, 17);
        return new RandomGraph(random, "random-" + seed, dropout, height).build();
    }

    /** One whose images have so many rows of pixels. */
    public static Graph ofHeight(int height, long seed, double dropout) {
        SplittableRandom random = new SplittableRandom(seed);
        return new RandomGraph(random, "random-" + seed, dropout, height).build();
    }

    /** One that normalises with the statistics of the batch in evaluation, too. */
    public static Graph ofBatchStatistics(int height, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        RandomGraph made = new RandomGraph(random, "random-" + seed, 0, height);
        made.graph.evaluatesWithBatchStatistics(true);
        return made.build();
    }

    private Graph build() {
        int k = random.nextInt(1, 9);
        int first = random.nextInt(2, 12);
        int layers = random.nextInt(1, 4);
        Features skip = stem(first, first + layers * k);
        layers("down", skip, first, k, layers);
        Features sum = residual(skip);
        int lower = random.nextInt(2, 9);
        int lowerLayers = random.nextInt(1, 3);
        Features below = down(skip, sum, lower, lower + lowerLayers * k);
        layers("below", below, below.channels() - lowerLayers * k, k, lowerLayers);
        Columns made = below.columns(below.channels() - lowerLayers * k, lowerLayers * k);
        int up = random.nextInt(1, 7);
        Features above = new Features("up", skip.height(), skip.width(), up + 2 * k);
        graph.add(new TransitionUp("transitionup", Read.raw(made), "up.conv", above.prefix(up)));
        for (int l = 0; l < 2; l++) {
            List<Columns> reads = stack(above, up, skip, l * k);
            graph.add(
                    new ConvolutionLayer(
                            "up.layer" + l,
                            new Read.Normalised(reads, norm(), random.nextInt(3) > 0),
                            Window.THREE,
                            "up.conv" + l,
                            random.nextBoolean(),
                            drops(),
                            above.columns(up + l * k, k)));
        }
        head(above, skip, stack(above, up, skip, 2 * k));
        return graph.build();
    }

    private static List<Columns> stack(Features above, int up, Features skip, int made) {
        List<Columns> ranges = new ArrayList<>(List.of(above.prefix(up), skip.all()));
        if (made > 0) {
            ranges.add(above.columns(up, made));
        }
        return ranges;
    }

    private Features stem(int channels, int all) {
        Read.Raw images = Read.raw(graph.input().all());
        int h = graph.input().height();
        int w = graph.input().width();
        if (random.nextInt(4) == 0) {
            Window window = new Window(3, 1, 1);
            Features x = new Features("down", (h + 1) / 2, (w + 1) / 2, all);
            graph.add(
                    new PooledConvolution(
                            "stem", images, window, "conv0", norm(), x.prefix(channels)));
            return x;
        }
        Features x = new Features("down", h, w, all);
        int ofStem = random.nextInt(3) == 0 ? channels - 1 : channels;
        graph.add(
                new ConvolutionLayer(
                        "stem",
                        images,
                        Window.THREE,
                        "conv0",
                        random.nextBoolean(),
                        Drops.NOTHING,
                        x.prefix(ofStem)));
        if (ofStem < channels) { // a second look at some channels of the images
            graph.add(
                    ConvolutionLayer.of(
                            "second",
                            Read.raw(graph.input().prefix(1)),
                            Window.POINT,
                            x.columns(ofStem, 1)));
        }
        return x;
    }

    private void layers(String name, Features x, int channels, int k, int count) {
        for (int l = 0; l < count; l++) {
            String layer = name + ".layer" + l;
            Columns target = x.columns(channels + l * k, k);
            Columns prefix = x.prefix(channels + l * k);
            if (random.nextBoolean()) {
                Read.Normalised source = Read.normalisedRelu(norm(), prefix);
                int width = random.nextInt(1, 9);
                graph.add(
                        new BottleneckLayer(
                                layer,
                                source,
                                width,
                                layer + ".conv1",
                                norm(),
                                layer + ".conv2",
                                groups(width, k, l),
                                drops(),
                                target));
            } else {
                Read source =
                        random.nextInt(3) == 0
                                ? Read.raw(prefix)
                                : new Read.Normalised(
                                        List.of(prefix), norm(), random.nextInt(3) > 0);
                graph.add(
                        new ConvolutionLayer(
                                layer,
                                source,
                                Window.THREE,
                                layer + ".conv",
                                random.nextBoolean(),
                                drops(),
                                target));
            }
        }
    }

    /** One of the numbers that divide both; not a draw, which would change all that follows. */
    private static int groups(int width, int k, int layer) {
        int[] common =
                IntStream.rangeClosed(1, k).filter(g -> width % g == 0 && k % g == 0).toArray();
        return common[(layer + width) % common.length];
    }

    /** A convolution of all features, added to some of them. */
    private Features residual(Features x) {
        int channels = random.nextInt(2, 7);
        Features z = new Features("branch", x.height(), x.width(), channels);
        Features sum = new Features("sum", x.height(), x.width(), channels);
        graph.add(
                new ConvolutionLayer(
                        "residual",
                        Read.raw(x.all()),
                        random.nextBoolean() ? Window.POINT : Window.THREE,
                        "residual.conv",
                        false,
                        Drops.NOTHING,
                        z.all()));
        boolean normalised = random.nextInt(3) > 0;
        Columns past = x.prefix(random.nextInt(1, Math.min(channels, x.channels()) + 1));
        graph.add(
                new Addition(
                        "add",
                        normalised ? Read.normalised(norm(), z.all()) : Read.raw(z.all()),
                        random.nextBoolean() ? Read.raw(past) : Read.normalised(norm(), past),
                        normalised && random.nextBoolean(),
                        sum.all()));
        return sum;
    }

    private Features down(Features skip, Features sum, int channels, int all) {
        int h = skip.height();
        int w = skip.width();
        int extra = sum.channels();
        boolean floors = random.nextBoolean();
        int below = floors ? h / 2 : (h + 1) / 2;
        Features x = new Features("below", below, floors ? w / 2 : (w + 1) / 2, extra + all);
        if (floors) {
            graph.add(
                    new Pooling(
                            "pool",
                            random.nextBoolean()
                                    ? Read.raw(sum.all())
                                    : Read.normalisedRelu(norm(), sum.all()),
                            random.nextBoolean() ? Pooling.Kind.MAX : Pooling.Kind.AVERAGE,
                            new Window(2, 2, 0),
                            x.prefix(extra)));
            Read.Normalised source = Read.normalisedRelu(norm(), skip.all());
            Columns target = x.columns(extra, channels);
            graph.add(
                    random.nextBoolean()
                            ? new TransitionDown("waydown", source, "down.conv", drops(), target)
                            : new Transition("waydown", source, "down.conv", target));
            return x;
        }
        Pooling.Kind kind =
                List.of(Pooling.Kind.MAX, Pooling.Kind.MAX_THEN_BLUR, Pooling.Kind.MAX_OF_ALL)
                        .get(random.nextInt(3));
        graph.add(
                new Pooling(
                        "pool",
                        Read.normalisedRelu(norm(), sum.all()),
                        kind,
                        // Of any size, both make half of the pixels, rounded up.
                        kind == Pooling.Kind.MAX_OF_ALL ? new Window(2, 2, 0) : new Window(3, 2, 1),
                        x.prefix(extra)));
        graph.add(
                new ConvolutionLayer(
                        "waydown",
                        Read.normalisedRelu(norm(), skip.all()),
                        new Window(3, 2, 1),
                        "down.conv",
                        true,
                        drops(),
                        x.columns(extra, channels)));
        return x;
    }

    /** A head of whole images or of pixels, and sometimes an earlier one that reads the skip. */
    private void head(Features above, Features skip, List<Columns> stack) {
        int classes = random.nextInt(2, 6);
        boolean ofPixels = random.nextBoolean();
        boolean early = random.nextInt(3) == 0;
        if (ofPixels) {
            if (early) {
                graph.add(
                        new PixelClassifier(
                                "early", read(List.of(skip.all())), "early.classifier", classes));
            }
            graph.add(new PixelClassifier("head", read(stack), "classifier", classes));
            return;
        }
        if (early) {
            graph.add(
                    new Classifier(
                            "early", read(List.of(skip.all())), "early.classifier", classes));
        }
        graph.add(new Classifier("head", read(List.of(above.all())), "classifier", classes));
    }

    private Read read(List<Columns> ranges) {
        return random.nextBoolean()
                ? new Read.Raw(ranges)
                : new Read.Normalised(ranges, norm(), true);
    }

    private Norm norm() {
        return new Norm("norm" + norms++, 1e-4, 0.1);
    }

    private Drops drops() {
        return new Drops(++draws, dropout, 1);
    }
}
