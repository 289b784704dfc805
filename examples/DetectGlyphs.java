import org.densenet4j.backend.Device;
import org.densenet4j.data.AnnotatedImage;
import org.densenet4j.data.Box;
import org.densenet4j.data.DetectionBatch;
import org.densenet4j.data.DetectionLoader;
import org.densenet4j.data.GlyphScenes;
import org.densenet4j.data.Image;
import org.densenet4j.data.LabelledBox;
import org.densenet4j.detection.CocoScores;
import org.densenet4j.detection.Detection;
import org.densenet4j.detection.DetectionOutput;
import org.densenet4j.detection.MultiBoxLoss;
import org.densenet4j.detection.NonMaximumSuppression;
import org.densenet4j.detection.PriorGrid;
import org.densenet4j.detection.Priors;
import org.densenet4j.detection.VocScores;
import org.densenet4j.engine.Mode;
import org.densenet4j.engine.Network;
import org.densenet4j.engine.Pass;
import org.densenet4j.engine.SgdStep;
import org.densenet4j.graph.BottleneckLayer;
import org.densenet4j.graph.Columns;
import org.densenet4j.graph.ConvolutionLayer;
import org.densenet4j.graph.Drops;
import org.densenet4j.graph.Features;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.Norm;
import org.densenet4j.graph.PixelClassifier;
import org.densenet4j.graph.Read;
import org.densenet4j.graph.Transition;
import org.densenet4j.graph.Window;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.plan.MemoryStrategy;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;

/**
 * Where are the glyphs in an image, and which are they? Four dense blocks with heads at two sizes
 * of features learn it: a detector after DSOD in small, with the loss of SSD as a loss of one's
 * own. What it is measured against looks for each glyph's mean image at several sizes.
 *
 * <pre>
 * java --add-modules jdk.incubator.vector --enable-native-access=ALL-UNNAMED \
 *     -cp target/densenet4j.jar examples/DetectGlyphs.java [STEPS [TESTED]]
 * </pre>
 */
public final class DetectGlyphs {
    private static final int SIDE = 96;
    private static final int BATCH = 32;
    private static final double RATE = 0.05;
    private static final int TEST_SET = 1_000_000;

    /** Boxes of 15 to 38 pixels, as glyphs have them. */
    private static final Priors PRIORS =
            Priors.of(
                    SIDE,
                    SIDE,
                    List.of(
                            new PriorGrid(12, 12, 8, 16, 24, List.of(1.6)),
                            new PriorGrid(6, 6, 16, 28, 36, List.of(1.6))));

    private static final int CLASSES = GlyphScenes.of(0, 1, SIDE, 1).classNames().size();

    /** A graph under construction. */
    private static final class Builder {
        private final Graph.Builder graph = Graph.builder("detector", SIDE, SIDE, 3);

        /** A dense block behind columns that are there. */
        private Read.Normalised block(String name, Features x, int channels, int growth) {
            int there = channels;
            for (int l = 1; there < x.channels(); l++) {
                String layer = name + ".layer" + l;
                graph.add(
                        new BottleneckLayer(
                                layer,
                                Read.normalisedRelu(Norm.of(layer + ".norm1"), x.prefix(there)),
                                4 * growth,
                                layer + ".conv1",
                                Norm.of(layer + ".norm2"),
                                layer + ".conv2",
                                1,
                                Drops.NOTHING,
                                x.columns(there, growth)));
                there += growth;
            }
            return Read.normalisedRelu(Norm.of(name + ".norm"), x.all());
        }

        /** Halves the size. */
        private void transition(String name, Read.Normalised from, Columns to) {
            graph.add(new Transition(name, from, name + ".conv", to));
        }

        /** What a size of features says of each of its priors: a class, and an offset. */
        private void heads(int grid, Features x) {
            int boxes = PRIORS.grids().get(grid).boxesPerCell();
            head("class" + grid, x, boxes * (1 + CLASSES));
            head("offset" + grid, x, boxes * Priors.OFFSETS);
        }

        private void head(String name, Features x, int outputs) {
            Read read = Read.normalisedRelu(Norm.of(name + ".norm"), x.all());
            graph.add(new PixelClassifier(name, read, name + ".conv", outputs));
        }
    }

    /** Features of 48x48, 24x24, 12x12 and 6x6 pixels; the last two have heads. */
    static Graph network() {
        Builder b = new Builder();
        Features x1 = new Features("block1", 48, 48, 24 + 3 * 8);
        Features x2 = new Features("block2", 24, 24, 32 + 6 * 16);
        Features x3 = new Features("block3", 12, 12, 80 + 8 * 24);
        Features x4 = new Features("block4", 6, 6, 128 + 4 * 32);
        Read images = Read.raw(b.graph.input().all());
        b.graph.add(ConvolutionLayer.of("stem", images, new Window(3, 2, 1), x1.prefix(24)));
        b.transition("transition1", b.block("block1", x1, 24, 8), x2.prefix(32));
        b.transition("transition2", b.block("block2", x2, 32, 16), x3.prefix(80));
        Read.Normalised third = b.block("block3", x3, 80, 24);
        b.heads(0, x3);
        b.transition("transition3", third, x4.prefix(128));
        b.block("block4", x4, 128, 32);
        b.heads(1, x4);
        return b.graph.build();
    }

    public static void main(String[] args) {
        int steps = args.length > 0 ? Integer.parseInt(args[0]) : 700;
        int tested = args.length > 1 ? Integer.parseInt(args[1]) : 200;
        GlyphScenes unseen = GlyphScenes.of(TEST_SET, tested, SIDE, 1);
        MeanImages means = new MeanImages(Math.min(1000, steps * BATCH));
        report("mean images of the glyphs", unseen, means.find(unseen));
        try (Device device = Device.best()) {
            MemoryPlan plan =
                    MemoryPlan.of(network())
                            .strategy(MemoryStrategy.SHARED)
                            .batch(BATCH)
                            .on(device);
            try (Network network = Network.open(plan, device, 42)) {
                train(network, steps);
                report("dense blocks", unseen, find(network, unseen));
            }
        }
    }

    private static void train(Network network, int steps) {
        MultiBoxLoss loss = MultiBoxLoss.of(PRIORS, CLASSES);
        DetectionLoader loader =
                DetectionLoader.of(GlyphScenes.of(0, steps * BATCH, SIDE, 1), SIDE, SIDE)
                        .batch(BATCH);
        double sum = 0;
        int step = 0;
        try (DetectionLoader.Epoch batches = loader.epoch(0)) {
            while (batches.hasNext()) {
                DetectionBatch batch = batches.next();
                Pass pass = new Pass(batch.size(), Mode.TRAIN, 42, ++step);
                network.input(batch.images(), batch.size());
                network.forward(pass);
                MultiBoxLoss.Outcome outcome =
                        loss.of(
                                logits("class", network, batch.size(), 1 + CLASSES),
                                logits("offset", network, batch.size(), Priors.OFFSETS),
                                batch.objects());
                gradient("class", network, outcome.logitsGradient(), 1 + CLASSES);
                gradient("offset", network, outcome.offsetsGradient(), Priors.OFFSETS);
                network.zeroGradients();
                network.backward(pass);
                network.update(
                        SgdStep.of(rate((double) step / steps))
                                .withMomentum(0.9, true)
                                .withWeightDecay(5e-4, true));
                sum += outcome.loss();
                int every = Math.max(1, steps / 10);
                if (step % every == 0) {
                    System.out.printf(Locale.ROOT, "step %d: loss %.3f%n", step, sum / every);
                    sum = 0;
                }
            }
        }
    }

    /** Up in the first twentieth, then down along a cosine. */
    private static double rate(double progress) {
        return RATE * Math.min(1, 20 * progress) * (1 + Math.cos(Math.PI * progress)) / 2;
    }

    /** What all heads of a kind say, in the order of priors. */
    private static float[] logits(String heads, Network network, int images, int numbers) {
        List<float[]> outputs = new ArrayList<>();
        for (int grid = 0; grid < PRIORS.grids().size(); grid++) {
            outputs.add(network.logits(heads + grid, images));
        }
        return PRIORS.join(outputs, numbers);
    }

    private static void gradient(String heads, Network network, float[] gradient, int numbers) {
        List<float[]> parts = PRIORS.split(gradient, numbers);
        int images = gradient.length / (PRIORS.size() * numbers);
        for (int grid = 0; grid < parts.size(); grid++) {
            network.logitsGradient(heads + grid, parts.get(grid), images);
        }
    }

    /** What the network finds in each image, in pixels. */
    private static List<List<Detection>> find(Network network, GlyphScenes scenes) {
        List<List<Detection>> found = new ArrayList<>();
        try (DetectionLoader.Epoch batches =
                DetectionLoader.of(scenes, SIDE, SIDE).batch(BATCH).epoch(0)) {
            for (DetectionBatch batch : batches) {
                network.input(batch.images(), batch.size());
                network.forward(new Pass(batch.size(), Mode.EVALUATE, 42, 0));
                List<List<Detection>> shares =
                        DetectionOutput.PUBLISHED.of(
                                PRIORS,
                                CLASSES,
                                logits("class", network, batch.size(), 1 + CLASSES),
                                logits("offset", network, batch.size(), Priors.OFFSETS));
                for (List<Detection> image : shares) {
                    found.add(
                            image.stream()
                                    .map(d -> d.withBox(d.box().scaled(SIDE, SIDE)))
                                    .toList());
                }
            }
        }
        return found;
    }

    private static void report(String what, GlyphScenes scenes, List<List<Detection>> found) {
        VocScores voc = new VocScores(CLASSES);
        CocoScores coco = new CocoScores(CLASSES);
        for (int i = 0; i < scenes.size(); i++) {
            List<LabelledBox> objects = scenes.read(i, AnnotatedImage::objects);
            voc.add(objects, found.get(i));
            coco.add(objects, found.get(i));
        }
        System.out.printf(
                Locale.ROOT,
                "%s: mean average precision %.3f (VOC2007), %.3f (COCO)%n",
                what,
                voc.meanAveragePrecision(VocScores.Area.ELEVEN_POINTS),
                coco.averagePrecision());
    }

    /**
     * Looks for the mean of each class's training images, at several sizes, by the magnitude of the
     * normalised correlation: ink may be lighter or darker than what is behind it.
     */
    private static final class MeanImages {
        private static final int TEMPLATE = 24;
        private static final int[] SIZES = {15, 18, 22, 26, 31, 37};
        private static final double LEAST = 0.3;

        private final double[][] means = new double[CLASSES][TEMPLATE * TEMPLATE];

        MeanImages(int images) {
            GlyphScenes seen = GlyphScenes.of(0, images, SIDE, 1);
            for (int i = 0; i < images; i++) {
                AnnotatedImage scene = seen.read(i, image -> image);
                double[] grey = grey(scene.image());
                for (LabelledBox object : scene.objects()) {
                    double[] patch = normalised(cut(grey, object.box()));
                    double[] mean = means[object.label()];
                    double sign = Math.signum(product(patch, mean));
                    for (int p = 0; p < patch.length; p++) {
                        mean[p] += (sign < 0 ? -1 : 1) * patch[p];
                    }
                }
            }
        }

        List<List<Detection>> find(GlyphScenes scenes) {
            for (int c = 0; c < CLASSES; c++) {
                means[c] = normalised(means[c]);
            }
            return IntStream.range(0, scenes.size())
                    .parallel()
                    .mapToObj(i -> find(grey(scenes.read(i, AnnotatedImage::image))))
                    .toList();
        }

        private List<Detection> find(double[] grey) {
            List<Detection> all = new ArrayList<>();
            List<List<Detection>> byClass = new ArrayList<>();
            for (int c = 0; c < CLASSES; c++) {
                byClass.add(new ArrayList<>());
            }
            for (int size : SIZES) {
                for (int y = 0; y + size <= SIDE; y += 2) {
                    for (int x = 0; x + size <= SIDE; x += 2) {
                        Box box = new Box(x, y, x + size, y + size);
                        double[] patch = normalised(cut(grey, box));
                        for (int c = 0; c < CLASSES; c++) {
                            double score = Math.abs(product(patch, means[c]));
                            if (score > LEAST) {
                                byClass.get(c).add(new Detection(box, c, score));
                            }
                        }
                    }
                }
            }
            byClass.forEach(found -> all.addAll(NonMaximumSuppression.of(found, 0.45)));
            return all;
        }

        private static double[] grey(Image image) {
            byte[] pixels = image.inChannels(1).pixels();
            double[] grey = new double[pixels.length];
            for (int p = 0; p < grey.length; p++) {
                grey[p] = pixels[p] & 0xFF;
            }
            return grey;
        }

        /** A box as an image of one size, each pixel the nearest. */
        private static double[] cut(double[] grey, Box box) {
            double[] patch = new double[TEMPLATE * TEMPLATE];
            for (int row = 0; row < TEMPLATE; row++) {
                int y = (int) (box.top() + (row + 0.5) / TEMPLATE * box.height());
                for (int column = 0; column < TEMPLATE; column++) {
                    int x = (int) (box.left() + (column + 0.5) / TEMPLATE * box.width());
                    patch[row * TEMPLATE + column] =
                            grey[Math.min(SIDE - 1, y) * SIDE + Math.min(SIDE - 1, x)];
                }
            }
            return patch;
        }

        /** Of mean 0 and length 1. */
        private static double[] normalised(double[] patch) {
            double mean = 0;
            for (double value : patch) {
                mean += value / patch.length;
            }
            double[] out = new double[patch.length];
            for (int p = 0; p < patch.length; p++) {
                out[p] = patch[p] - mean;
            }
            double length = Math.sqrt(product(out, out)) + 1e-9;
            for (int p = 0; p < patch.length; p++) {
                out[p] /= length;
            }
            return out;
        }

        private static double product(double[] a, double[] b) {
            double sum = 0;
            for (int p = 0; p < a.length; p++) {
                sum += a[p] * b[p];
            }
            return sum;
        }
    }
}
