import org.densenet4j.backend.Device;
import org.densenet4j.data.Batch;
import org.densenet4j.data.BatchLoader;
import org.densenet4j.data.Cifar;
import org.densenet4j.data.Glyphs;
import org.densenet4j.data.Normalisation;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.spec.RdNetSpec;
import org.densenet4j.train.Adam;
import org.densenet4j.train.LearningRateSchedule;
import org.densenet4j.train.StepResult;
import org.densenet4j.train.Trainer;
import org.densenet4j.train.WeightAverage;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;

/**
 * A small RDNet on generated images, as such networks are trained: AdamW, a warm-up and a cosine,
 * drop path, averaged weights. Before that, what each strategy would keep in memory.
 *
 * <pre>
 * java --add-modules jdk.incubator.vector --enable-native-access=ALL-UNNAMED \
 *     -cp target/densenet4j.jar examples/TrainRdNet.java [IMAGES [EPOCHS [FOLDER]]]
 * </pre>
 */
public final class TrainRdNet {
    private static final int BATCH = 32;
    private static final long SEED = 1;

    public static void main(String[] args) throws IOException {
        int images = args.length > 0 ? Integer.parseInt(args[0]) : 2000;
        int epochs = args.length > 1 ? Integer.parseInt(args[1]) : 16;
        Path folder = Path.of(args.length > 2 ? args[2] : "runs/rdnet");
        Glyphs.generate(folder, images, images / 4, SEED);
        Cifar data = Cifar.cifar10(folder);
        Normalisation normalisation = Normalisation.of(data.train());
        BatchLoader train =
                BatchLoader.of(data.train()).batch(BATCH).shuffle(SEED).normalise(normalisation);
        BatchLoader test = BatchLoader.of(data.test()).batch(BATCH).normalise(normalisation);

        RdNetSpec spec =
                RdNetSpec.builder()
                        .initialChannels(32)
                        .patch(2)
                        .growthRates(16, 24, 32)
                        .halvingStages(2, 3)
                        .gatedFrom(3)
                        .stochasticDepth(0.05)
                        .inputSize(32)
                        .classes(10)
                        .build();
        long steps = (long) epochs * Math.ceilDiv(images, BATCH);
        LearningRateSchedule schedule = LearningRateSchedule.cosine(1e-3, 1e-5).withWarmUp(0.1);
        try (Device device = Device.best()) {
            for (MemoryStrategy strategy : MemoryStrategy.values()) {
                MemoryPlan plan = MemoryPlan.of(spec).batch(BATCH).strategy(strategy).on(device);
                System.out.printf(
                        Locale.ROOT,
                        "%-9s keeps %5.1f MB of activations%n",
                        strategy,
                        plan.activationBytes() / 1e6);
            }
            try (Trainer trainer =
                    Trainer.of(spec, device)
                            .strategy(MemoryStrategy.RECOMPUTE)
                            .batch(BATCH)
                            .optimizer(Adam.decoupled(1e-3).withWeightDecay(0.05))
                            .averageWeights(new WeightAverage(0.995, true))
                            .labelSmoothing(0.1)
                            .seed(SEED)
                            .open()) {
                for (int epoch = 0; epoch < epochs; epoch++) {
                    double loss = train(trainer, train, epoch, steps, schedule);
                    System.out.printf(
                            Locale.ROOT,
                            "epoch %d  loss %.3f  test accuracy %.1f %%%n",
                            epoch + 1,
                            loss,
                            100 * accuracy(trainer, test));
                }
                trainer.exchangeAverages(); // for the test and the file
                System.out.printf(
                        Locale.ROOT,
                        "averaged weights: test accuracy %.1f %%%n",
                        100 * accuracy(trainer, test));
                trainer.save(folder.resolve("rdnet.safetensors"));
            }
        }
    }

    /** An epoch; returns its mean loss. */
    private static double train(
            Trainer trainer,
            BatchLoader images,
            int epoch,
            long steps,
            LearningRateSchedule schedule) {
        double loss = 0;
        int seen = 0;
        try (BatchLoader.Epoch batches = images.epoch(epoch)) {
            for (Batch batch : batches) {
                trainer.learningRate(schedule.rate((double) trainer.steps() / steps));
                loss += trainer.step(batch).loss() * batch.size();
                seen += batch.size();
            }
        }
        return loss / seen;
    }

    private static double accuracy(Trainer trainer, BatchLoader images) {
        int right = 0;
        int seen = 0;
        try (BatchLoader.Epoch batches = images.epoch(0)) {
            for (Batch batch : batches) {
                StepResult found = trainer.evaluate(batch);
                right += found.correct();
                seen += found.images();
            }
        }
        return (double) right / seen;
    }
}
