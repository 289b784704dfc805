package org.densenet4j.train;

import org.densenet4j.data.Box;
import org.densenet4j.data.DetectionBatch;
import org.densenet4j.data.DetectionLoader;
import org.densenet4j.data.LabelledBox;
import org.densenet4j.detection.Detection;
import org.densenet4j.detection.DetectionOutput;
import org.densenet4j.detection.DetectionTally;
import org.densenet4j.detection.Priors;
import org.densenet4j.spec.DetectionSpec;
import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/**
 * A test on images with boxes around the objects in them, as SSD and DSOD are tested ({@link
 * DetectionOutput#PUBLISHED}). Sizes are those of the network's input, on which overlaps do not
 * depend.
 *
 * @param loader of the test images
 */
record DetectionTest(DetectionLoader loader) implements RunTest {
    @Override
    public RunTest read(int threads, @Nullable Consumer<String> broken) {
        DetectionLoader read = loader.threads(threads);
        return new DetectionTest(broken == null ? read : read.skipBroken(broken));
    }

    @Override
    public RunTest shard(int number, int count) {
        return new DetectionTest(loader.shard(number, count));
    }

    @Override
    public @Nullable TestSum of(Trainer trainer, BooleanSupplier stop) {
        DetectionSpec spec = (DetectionSpec) trainer.spec();
        Priors priors = spec.priors();
        Sum sum = new Sum(spec.classes());
        try (DetectionLoader.Epoch batches = loader.epoch(0)) {
            while (batches.hasNext()) {
                DetectionBatch batch = batches.next();
                float[] logits = new float[batch.size() * priors.size() * (1 + spec.classes())];
                float[] offsets = new float[batch.size() * priors.size() * Priors.OFFSETS];
                StepResult r = trainer.evaluate(batch, logits, offsets);
                sum.loss += r.loss() * r.meanOver();
                sum.matches += r.meanOver();
                sum.images += r.images();
                if (Double.isFinite(r.loss())) { // otherwise there are no scores
                    List<List<Detection>> found =
                            DetectionOutput.PUBLISHED.of(priors, spec.classes(), logits, offsets);
                    for (int i = 0; i < batch.size(); i++) {
                        sum.add(
                                inPixels(batch.objects().get(i), batch),
                                DetectionOutput.inPixels(
                                        found.get(i), batch.height(), batch.width()));
                    }
                }
                if (stop.getAsBoolean()) {
                    return null;
                }
            }
        }
        return sum;
    }

    private static List<LabelledBox> inPixels(List<LabelledBox> objects, DetectionBatch batch) {
        return objects.stream()
                .map(o -> o.withBox(o.box().scaled(batch.width(), batch.height())))
                .toList();
    }

    /** Adds up images. */
    private static final class Sum implements TestSum {
        private final int classes;
        private final List<List<LabelledBox>> objects = new ArrayList<>();
        private final List<List<Detection>> found = new ArrayList<>();
        private double loss;
        private double matches;
        private long images;

        Sum(int classes) {
            this.classes = classes;
        }

        void add(List<LabelledBox> truth, List<Detection> detections) {
            objects.add(truth);
            found.add(detections);
        }

        /** The order of images is another then, on which scores depend where two are equal. */
        @Override
        public void overRanks(Ranks ranks) {
            double[] sums = {loss, matches, images};
            ranks.sum(sums);
            loss = sums[0];
            matches = sums[1];
            images = (long) sums[2];
            double[] all = ranks.gather(BoxNumbers.of(objects, found));
            objects.clear();
            found.clear();
            BoxNumbers.read(all, this::add);
        }

        @Override
        public TestResult result() {
            DetectionTally tally = new DetectionTally(classes);
            for (int i = 0; i < objects.size(); i++) {
                tally.add(objects.get(i), found.get(i));
            }
            double mean = Double.isFinite(loss) && matches > 0 ? loss / matches : Double.NaN;
            return TestResult.ofBoxes(images, mean, tally.scores());
        }
    }

    /** Objects and detections of images as numbers, which ranks can exchange. */
    private static final class BoxNumbers {
        private final double[] values;
        private int at;

        private BoxNumbers(double[] values) {
            this.values = values;
        }

        /** Of each image two counts, then its objects, then its detections. */
        static double[] of(List<List<LabelledBox>> objects, List<List<Detection>> found) {
            List<Double> numbers = new ArrayList<>();
            for (int i = 0; i < objects.size(); i++) {
                numbers.add((double) objects.get(i).size());
                numbers.add((double) found.get(i).size());
                for (LabelledBox o : objects.get(i)) {
                    add(numbers, o.box());
                    numbers.addAll(
                            List.of(
                                    (double) o.label(),
                                    o.difficult() ? 1.0 : 0.0,
                                    o.crowd() ? 1.0 : 0.0,
                                    o.area()));
                }
                for (Detection d : found.get(i)) {
                    add(numbers, d.box());
                    numbers.addAll(List.of((double) d.label(), d.score()));
                }
            }
            return numbers.stream().mapToDouble(Double::doubleValue).toArray();
        }

        private static void add(List<Double> numbers, Box box) {
            numbers.addAll(List.of(box.left(), box.top(), box.right(), box.bottom()));
        }

        /** Takes an image. */
        interface Image {
            void add(List<LabelledBox> objects, List<Detection> found);
        }

        static void read(double[] values, Image to) {
            BoxNumbers numbers = new BoxNumbers(values);
            while (numbers.at < values.length) {
                int objects = (int) numbers.next();
                int found = (int) numbers.next();
                List<LabelledBox> truth = new ArrayList<>();
                for (int i = 0; i < objects; i++) {
                    truth.add(
                            new LabelledBox(
                                    numbers.box(),
                                    (int) numbers.next(),
                                    numbers.next() > 0,
                                    numbers.next() > 0,
                                    numbers.next()));
                }
                List<Detection> detections = new ArrayList<>();
                for (int i = 0; i < found; i++) {
                    detections.add(
                            new Detection(numbers.box(), (int) numbers.next(), numbers.next()));
                }
                to.add(truth, detections);
            }
        }

        private double next() {
            return values[at++];
        }

        private Box box() {
            return new Box(next(), next(), next(), next());
        }
    }
}
