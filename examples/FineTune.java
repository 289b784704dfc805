import org.densenet4j.backend.Device;
import org.densenet4j.data.Augmentation;
import org.densenet4j.data.Batch;
import org.densenet4j.data.BatchLoader;
import org.densenet4j.data.CentreCrop;
import org.densenet4j.data.ImageFolder;
import org.densenet4j.data.ImageMetadata;
import org.densenet4j.data.Normalisation;
import org.densenet4j.inference.ImagePreparation;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.train.LearningRateSchedule;
import org.densenet4j.train.Sgd;
import org.densenet4j.train.StepResult;
import org.densenet4j.train.Trainer;
import org.densenet4j.weights.LoadOptions;
import org.densenet4j.weights.WeightReport;
import org.densenet4j.weights.Weights;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;

/**
 * Fine-tunes a network of torchvision on images of one's own: its weights, a fresh classifier, and
 * batch normalisation frozen at its running statistics, as small batches need.
 *
 * <pre>
 * java --add-modules jdk.incubator.vector --enable-native-access=ALL-UNNAMED \
 *     -cp target/densenet4j.jar examples/FineTune.java \
 *     densenet121.pth IMAGES fine-tuned.safetensors [MODEL [EPOCHS [PIXELS]]]
 * </pre>
 *
 * IMAGES has the folders {@code train/CLASS/*.jpg} and {@code val/CLASS/*.jpg} (or other images).
 * The weights may be a PyTorch file or safetensors; nothing in them is executed.
 */
public final class FineTune {
    private static final int BATCH = 16;

    public static void main(String[] args) throws IOException {
        Path weights = Path.of(args[0]);
        Path images = Path.of(args[1]);
        Path result = Path.of(args[2]);
        String model = args.length > 3 ? args[3] : "densenet121";
        int epochs = args.length > 4 ? Integer.parseInt(args[4]) : 5;
        int pixels = args.length > 5 ? Integer.parseInt(args[5]) : 224;

        // Validation sees what a predictor will see.
        CentreCrop crop =
                ImagePreparation.crop(DenseNetSpec.preset(model).inputSize(pixels).build());
        ImageFolder train = ImageFolder.at(images.resolve("train")).crop(crop).open();
        ImageFolder val =
                ImageFolder.at(images.resolve("val")).crop(crop).classes(train.classNames()).open();
        BatchLoader batches =
                BatchLoader.of(train)
                        .batch(BATCH)
                        .shuffle(1)
                        .augment(Augmentation.IMAGENET)
                        .normalise(Normalisation.IMAGENET)
                        .threads(2);

        DenseNetSpec spec =
                DenseNetSpec.preset(model).classes(train.classes()).inputSize(pixels).build();
        LearningRateSchedule schedule = LearningRateSchedule.cosine(0.01);
        try (Device device = Device.best();
                Trainer trainer =
                        Trainer.of(spec, device)
                                .batch(BATCH)
                                .optimizer(Sgd.nesterov(0.01))
                                .freezeBatchNorm(true)
                                .open()) {
            WeightReport loaded =
                    Weights.load(
                            weights, trainer.network(), LoadOptions.strict().withResetHead(true));
            System.out.println(loaded.matched().size() + " tensors loaded, new classifier");

            double steps = (double) epochs * batches.batchesPerEpoch();
            for (int epoch = 0; epoch < epochs; epoch++) {
                double loss = 0;
                try (BatchLoader.Epoch all = batches.epoch(epoch)) {
                    for (Batch batch : all) {
                        trainer.learningRate(schedule.rate(trainer.steps() / steps));
                        loss += trainer.step(batch).loss();
                    }
                }
                System.out.printf(
                        Locale.ROOT,
                        "epoch %d: loss %.4f, validation accuracy %.1f %%%n",
                        epoch + 1,
                        loss / batches.batchesPerEpoch(),
                        100 * accuracy(trainer, val));
            }
            // With names and normalisation, so that a predictor knows them.
            trainer.save(
                    result, ImageMetadata.of(train.classNames(), Normalisation.IMAGENET).entries());
            System.out.println("saved " + result);
        }
    }

    private static double accuracy(Trainer trainer, ImageFolder val) {
        int correct = 0;
        BatchLoader loader =
                BatchLoader.of(val).batch(BATCH).normalise(Normalisation.IMAGENET).threads(2);
        try (BatchLoader.Epoch all = loader.epoch(0)) {
            for (Batch batch : all) {
                StepResult result = trainer.evaluate(batch);
                correct += result.correct();
            }
        }
        return (double) correct / val.size();
    }
}
