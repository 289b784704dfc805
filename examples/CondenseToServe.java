import org.densenet4j.backend.Device;
import org.densenet4j.data.Batch;
import org.densenet4j.data.BatchLoader;
import org.densenet4j.data.Cifar;
import org.densenet4j.data.Glyphs;
import org.densenet4j.data.Normalisation;
import org.densenet4j.inference.Predictor;
import org.densenet4j.spec.CondenseNetSpec;
import org.densenet4j.train.Sgd;
import org.densenet4j.train.Trainer;
import org.densenet4j.weights.ConvertedExport;
import org.densenet4j.weights.Model;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/**
 * A small CondenseNet from training to what is served: its 1x1 convolutions lose three quarters of
 * their inputs while it is trained, a file is written that has only what is left, and that is
 * compared with the network that multiplies the zeros: bytes, times, answers.
 *
 * <pre>
 * java --add-modules jdk.incubator.vector --enable-native-access=ALL-UNNAMED \
 *     -cp target/densenet4j.jar examples/CondenseToServe.java [IMAGES [EPOCHS [FOLDER]]]
 * </pre>
 */
public final class CondenseToServe {
    private static final int BATCH = 32;
    private static final int PASSES = 5;
    private static final long SEED = 1;

    public static void main(String[] args) throws IOException {
        int images = args.length > 0 ? Integer.parseInt(args[0]) : 2000;
        int epochs = args.length > 1 ? Integer.parseInt(args[1]) : 6;
        Path folder = Path.of(args.length > 2 ? args[2] : "runs/condense-to-serve");
        Glyphs.generate(folder, images, images / 4, SEED);
        Cifar data = Cifar.cifar10(folder);
        Normalisation normalisation = Normalisation.of(data.train());
        BatchLoader train =
                BatchLoader.of(data.train()).batch(BATCH).shuffle(SEED).normalise(normalisation);
        BatchLoader test = BatchLoader.of(data.test()).batch(BATCH).normalise(normalisation);

        Path trained = folder.resolve("trained.safetensors");
        Path converted = folder.resolve("converted.safetensors");
        train(train, (long) epochs * (images / BATCH), epochs, trained);
        try (Model model = Model.open(trained)) {
            ConvertedExport.write(model, converted, false); // only what condensation left
        }
        try (Model model = Model.open(trained);
                Predictor zeros = Predictor.of(model.spec(), model).batch(BATCH).open();
                Predictor served = Predictor.open(converted)) {
            compare(zeros, served, test);
        }
        System.out.printf(
                Locale.ROOT,
                "files: %,d bytes with the zeros, %,d converted%n",
                Files.size(trained),
                Files.size(converted));
    }

    private static void train(BatchLoader images, long steps, int epochs, Path trained)
            throws IOException {
        CondenseNetSpec spec =
                CondenseNetSpec.builder()
                        .layersPerBlock(4, 4, 4)
                        .growthRates(8, 16, 32)
                        .classes(10)
                        .build();
        try (Device device = Device.best();
                Trainer trainer =
                        Trainer.of(spec, device)
                                .batch(BATCH)
                                .optimizer(Sgd.nesterov(0.1))
                                .groupLasso(1e-5)
                                .seed(SEED)
                                .open()) {
            for (int epoch = 0; epoch < epochs; epoch++) {
                double loss = 0;
                int seen = 0;
                try (BatchLoader.Epoch batches = images.epoch(epoch)) {
                    for (Batch batch : batches) {
                        double progress = Math.min(1, (double) trainer.steps() / steps);
                        trainer.learningRate(0.05 * (1 + Math.cos(Math.PI * progress)));
                        trainer.condense(progress); // over with half of the training
                        loss += trainer.step(batch).loss() * batch.size();
                        seen += batch.size();
                    }
                }
                System.out.printf(Locale.ROOT, "epoch %d  loss %.3f%n", epoch + 1, loss / seen);
            }
            trainer.save(trained);
        }
    }

    private static void compare(Predictor zeros, Predictor served, BatchLoader test) {
        int images = 0;
        int right = 0;
        double apart = 0;
        double[] seconds = new double[2];
        try (BatchLoader.Epoch batches = test.epoch(0)) {
            for (Batch batch : batches) {
                float[] expected = zeros.logits(batch.images(), batch.size());
                float[] found = served.logits(batch.images(), batch.size());
                for (int i = 0; i < found.length; i++) {
                    apart = Math.max(apart, Math.abs(found[i] - expected[i]));
                }
                for (int i = 0; i < batch.size(); i++) {
                    right += best(found, i * 10) == batch.labels()[i] ? 1 : 0;
                }
                images += batch.size();
                for (int pass = 0; pass < PASSES; pass++) {
                    seconds[0] += seconds(zeros, batch);
                    seconds[1] += seconds(served, batch);
                }
            }
        }
        System.out.printf(
                Locale.ROOT,
                "answers: %.1f %% right, logits at most %.1e apart%n",
                100.0 * right / images,
                apart);
        System.out.printf(
                Locale.ROOT,
                "times: %.3f ms an image with the zeros, %.3f ms condensed%n",
                1e3 * seconds[0] / PASSES / images,
                1e3 * seconds[1] / PASSES / images);
    }

    private static int best(float[] logits, int from) {
        int best = 0;
        for (int c = 0; c < 10; c++) {
            best = logits[from + c] > logits[from + best] ? c : best;
        }
        return best;
    }

    private static double seconds(Predictor predictor, Batch batch) {
        long start = System.nanoTime();
        predictor.logits(batch.images(), batch.size());
        return (System.nanoTime() - start) / 1e9;
    }
}
