import org.densenet4j.backend.Device;
import org.densenet4j.data.Augmentation;
import org.densenet4j.data.Batch;
import org.densenet4j.data.BatchLoader;
import org.densenet4j.data.Cifar;
import org.densenet4j.data.Dataset;
import org.densenet4j.data.Glyphs;
import org.densenet4j.data.Normalisation;
import org.densenet4j.engine.Mode;
import org.densenet4j.engine.Network;
import org.densenet4j.engine.Pass;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.train.Sgd;
import org.densenet4j.train.Trainer;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;

/**
 * A training loop and a loss of one's own on top of {@link Network}, for images that have several
 * labels: each shows two of ten shapes, and every shape has a sigmoid and its own binary
 * cross-entropy. The targets are found by {@link Batch#indices}.
 *
 * <pre>
 * java --add-modules jdk.incubator.vector --enable-native-access=ALL-UNNAMED \
 *     -cp target/densenet4j.jar examples/TrainFromCode.java [IMAGES [EPOCHS [FOLDER]]]
 * </pre>
 */
public final class TrainFromCode {
    private static final int BATCH = 64;
    private static final long SEED = 42;

    /** Images of two glyphs beside each other, 32x64 pixels; what they show is no one class. */
    private record Pairs(Dataset glyphs, List<Integer> partners) implements Dataset {
        static Pairs of(Dataset glyphs) {
            int size = glyphs.size();
            return new Pairs(
                    glyphs, new SplittableRandom(SEED).ints(size, 0, size).boxed().toList());
        }

        /** 1 for each shape that the image shows, 0 for the others. */
        float[] target(int index) {
            float[] target = new float[classes()];
            target[glyphs.label(index)] = 1;
            target[glyphs.label(partners.get(index))] = 1;
            return target;
        }

        @Override
        public void read(int index, byte[] pixels) {
            int row = glyphs.width() * channels();
            byte[] left = new byte[height() * row];
            byte[] right = new byte[height() * row];
            glyphs.read(index, left);
            glyphs.read(partners.get(index), right);
            for (int y = 0; y < height(); y++) {
                System.arraycopy(left, y * row, pixels, 2 * y * row, row);
                System.arraycopy(right, y * row, pixels, (2 * y + 1) * row, row);
            }
        }

        @Override
        public int label(int index) {
            return 0; // an image has several; see target()
        }

        @Override
        public int size() {
            return glyphs.size();
        }

        @Override
        public int height() {
            return glyphs.height();
        }

        @Override
        public int width() {
            return 2 * glyphs.width();
        }

        @Override
        public int channels() {
            return glyphs.channels();
        }

        @Override
        public List<String> classNames() {
            return glyphs.classNames();
        }
    }

    public static void main(String[] args) throws IOException {
        int images = args.length > 0 ? Integer.parseInt(args[0]) : 6000;
        int epochs = args.length > 1 ? Integer.parseInt(args[1]) : 5;
        Path folder = args.length > 2 ? Path.of(args[2]) : Path.of("runs", "example-glyphs");

        Glyphs.generate(folder, images, images / 8, SEED); // any Dataset will do in its place
        Cifar data = Cifar.cifar10(folder);
        Normalisation normalisation = Normalisation.of(data.train());
        Pairs trainPairs = Pairs.of(data.train());
        Pairs testPairs = Pairs.of(data.test());
        BatchLoader train =
                BatchLoader.of(trainPairs)
                        .batch(BATCH)
                        .shuffle(SEED)
                        .augment(Augmentation.SHIFT)
                        .normalise(normalisation);
        BatchLoader test = BatchLoader.of(testPairs).batch(BATCH).normalise(normalisation);

        DenseNetSpec spec = DenseNetSpec.bc(22, 12).classes(10).inputSize(32, 64).build();
        try (Device device = Device.best();
                Trainer trainer =
                        Trainer.of(spec, device)
                                .batch(BATCH)
                                .optimizer(Sgd.nesterov(0.1))
                                .seed(SEED)
                                .open()) {
            Network network = trainer.network();
            // Start from the share of each shape, 0.19 = 1 - 0.9², or the first epoch goes into
            // learning it: σ(bias) = 0.19.
            float[] bias = new float[spec.classes()];
            Arrays.fill(bias, (float) Math.log(0.19 / 0.81));
            network.parameter("classifier.bias", bias);

            int steps = epochs * train.batchesPerEpoch();
            for (int epoch = 0; epoch < epochs; epoch++) {
                double loss = 0;
                try (BatchLoader.Epoch batches = train.epoch(epoch)) {
                    for (Batch batch : batches) {
                        double done = (double) trainer.steps() / steps;
                        trainer.learningRate(0.05 * (1 + Math.cos(Math.PI * done))); // cosine
                        loss += trainStep(trainer, batch, targets(trainPairs, batch));
                    }
                }
                System.out.printf(
                        Locale.ROOT,
                        "epoch %d: loss %.4f, shapes found in test images %.1f %%%n",
                        epoch + 1,
                        loss / train.batchesPerEpoch(),
                        100 * found(network, test, testPairs));
            }
        }
    }

    /** Targets [batch, classes]: a shuffled batch tells which images of the data set it has. */
    private static float[] targets(Pairs data, Batch batch) {
        int classes = data.classes();
        float[] targets = new float[batch.size() * classes];
        for (int i = 0; i < batch.size(); i++) {
            float[] target = data.target(batch.indices()[i]);
            System.arraycopy(target, 0, targets, i * classes, classes);
        }
        return targets;
    }

    /** Forward, own loss, backward, update. */
    private static double trainStep(Trainer trainer, Batch batch, float[] targets) {
        Network network = trainer.network();
        Pass pass = trainer.nextPass(batch.size());
        network.input(batch.images(), batch.size());
        network.forward(pass);

        float[] logits = network.logits(batch.size()); // [batch, classes]
        float[] gradient = new float[logits.length];
        double loss = binaryCrossEntropy(logits, targets, batch.size(), gradient);

        network.zeroGradients();
        network.logitsGradient(gradient, batch.size());
        network.backward(pass);
        trainer.update(); // clips, decays, moves the parameters and counts, as step() does
        return loss;
    }

    /** Sum over classes, mean over images: -log σ(z) where the target is 1, else -log(1 - σ(z)). */
    private static double binaryCrossEntropy(
            float[] logits, float[] targets, int images, float[] gradient) {
        double loss = 0;
        for (int i = 0; i < logits.length; i++) {
            double target = targets[i];
            double z = logits[i];
            // log(1 + e^z) - target·z, in a form that does not overflow
            loss += Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z))) - target * z;
            gradient[i] = (float) ((1 / (1 + Math.exp(-z)) - target) / images);
        }
        return loss / images;
    }

    /**
     * Share of the shapes in the images that are among as many most probable ones as the image
     * shows; 0.19 by chance.
     */
    private static double found(Network network, BatchLoader test, Pairs data) {
        int found = 0;
        int shown = 0;
        try (BatchLoader.Epoch batches = test.epoch(0)) {
            for (Batch batch : batches) {
                network.input(batch.images(), batch.size());
                network.forward(new Pass(batch.size(), Mode.EVALUATE, SEED, 0));
                float[] logits = network.logits(batch.size());
                float[] targets = targets(data, batch);
                int classes = data.classes();
                for (int i = 0; i < targets.length; i++) {
                    if (targets[i] > 0) {
                        shown++;
                        int image = i / classes * classes;
                        float[] of = Arrays.copyOfRange(targets, image, image + classes);
                        found += higher(logits, image, i, classes) < count(of) ? 1 : 0;
                    }
                }
            }
        }
        return (double) found / shown;
    }

    private static int count(float[] target) {
        int count = 0;
        for (float value : target) {
            count += value > 0 ? 1 : 0;
        }
        return count;
    }

    /** Logits of an image that are higher than the one at {@code i}. */
    private static int higher(float[] logits, int image, int i, int classes) {
        int higher = 0;
        for (int c = image; c < image + classes; c++) {
            higher += logits[c] > logits[i] ? 1 : 0;
        }
        return higher;
    }
}
