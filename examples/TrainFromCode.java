import org.densenet4j.backend.Device;
import org.densenet4j.data.Augmentation;
import org.densenet4j.data.Batch;
import org.densenet4j.data.BatchLoader;
import org.densenet4j.data.Cifar;
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
import java.util.Locale;

/**
 * A training loop and a loss of one's own on top of {@link Network}: every class has a sigmoid and
 * its own binary cross-entropy, as for images that may have several labels.
 *
 * <pre>
 * java --add-modules jdk.incubator.vector --enable-native-access=ALL-UNNAMED \
 *     -cp target/densenet4j.jar examples/TrainFromCode.java [IMAGES [EPOCHS [FOLDER]]]
 * </pre>
 */
public final class TrainFromCode {
    private static final int BATCH = 64;
    private static final long SEED = 42;

    public static void main(String[] args) throws IOException {
        int images = args.length > 0 ? Integer.parseInt(args[0]) : 6000;
        int epochs = args.length > 1 ? Integer.parseInt(args[1]) : 5;
        Path folder = args.length > 2 ? Path.of(args[2]) : Path.of("runs", "example-glyphs");

        Glyphs.generate(folder, images, images / 8, SEED); // any Dataset will do in its place
        Cifar data = Cifar.cifar10(folder);
        Normalisation normalisation = Normalisation.of(data.train());
        BatchLoader train =
                BatchLoader.of(data.train())
                        .batch(BATCH)
                        .shuffle(SEED)
                        .augment(Augmentation.SHIFT)
                        .normalise(normalisation);
        BatchLoader test = BatchLoader.of(data.test()).batch(BATCH).normalise(normalisation);

        DenseNetSpec spec = DenseNetSpec.bc(22, 12).classes(10).build();
        try (Device device = Device.best();
                Trainer trainer =
                        Trainer.of(spec, device)
                                .batch(BATCH)
                                .optimizer(Sgd.nesterov(0.1))
                                .seed(SEED)
                                .open()) {
            Network network = trainer.network();
            // Start from the share of each class, 1/10, or the first epoch goes into learning it.
            float[] bias = new float[spec.classes()];
            Arrays.fill(bias, (float) -Math.log(spec.classes() - 1));
            network.parameter("classifier.bias", bias);

            int steps = epochs * train.batchesPerEpoch();
            for (int epoch = 0; epoch < epochs; epoch++) {
                double loss = 0;
                try (BatchLoader.Epoch batches = train.epoch(epoch)) {
                    for (Batch batch : batches) {
                        double done = (double) trainer.steps() / steps;
                        trainer.learningRate(0.05 * (1 + Math.cos(Math.PI * done))); // cosine
                        loss += trainStep(trainer, batch);
                    }
                }
                System.out.printf(
                        Locale.ROOT,
                        "epoch %d: loss %.4f, test accuracy %.1f %%%n",
                        epoch + 1,
                        loss / train.batchesPerEpoch(),
                        100 * accuracy(network, test));
            }
        }
    }

    /** Forward, own loss, backward, update. */
    private static double trainStep(Trainer trainer, Batch batch) {
        Network network = trainer.network();
        Pass pass = trainer.nextPass(batch.size());
        network.input(batch.images(), batch.size());
        network.forward(pass);

        float[] logits = network.logits(batch.size()); // [batch, classes]
        float[] gradient = new float[logits.length];
        double loss = binaryCrossEntropy(logits, batch.labels(), gradient);

        network.zeroGradients();
        network.logitsGradient(gradient, batch.size());
        network.backward(pass);
        trainer.update(); // clips, decays, moves the parameters and counts, as step() does
        return loss;
    }

    /** Sum over classes, mean over images: -log σ(z) for the label, -log(1 - σ(z)) for the rest. */
    private static double binaryCrossEntropy(float[] logits, int[] labels, float[] gradient) {
        int classes = logits.length / labels.length;
        double loss = 0;
        for (int i = 0; i < logits.length; i++) {
            double target = labels[i / classes] == i % classes ? 1 : 0;
            double z = logits[i];
            // log(1 + e^z) - target·z, in a form that does not overflow
            loss += Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z))) - target * z;
            gradient[i] = (float) ((1 / (1 + Math.exp(-z)) - target) / labels.length);
        }
        return loss / labels.length;
    }

    private static double accuracy(Network network, BatchLoader test) {
        int correct = 0;
        int images = 0;
        try (BatchLoader.Epoch batches = test.epoch(0)) {
            for (Batch batch : batches) {
                network.input(batch.images(), batch.size());
                network.forward(new Pass(batch.size(), Mode.EVALUATE, SEED, 0));
                float[] logits = network.logits(batch.size());
                for (int i = 0; i < batch.size(); i++) {
                    correct += best(logits, i, 10) == batch.labels()[i] ? 1 : 0;
                }
                images += batch.size();
            }
        }
        return (double) correct / images;
    }

    private static int best(float[] logits, int image, int classes) {
        int best = 0;
        for (int c = 1; c < classes; c++) {
            if (logits[image * classes + c] > logits[image * classes + best]) {
                best = c;
            }
        }
        return best;
    }
}
