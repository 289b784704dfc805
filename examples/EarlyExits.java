import org.densenet4j.backend.Device;
import org.densenet4j.data.Batch;
import org.densenet4j.data.BatchLoader;
import org.densenet4j.data.Cifar;
import org.densenet4j.data.Glyphs;
import org.densenet4j.data.Normalisation;
import org.densenet4j.data.StratifiedSplit;
import org.densenet4j.inference.Exit;
import org.densenet4j.inference.ExitEvaluation;
import org.densenet4j.inference.ExitThresholds;
import org.densenet4j.inference.Predictor;
import org.densenet4j.spec.MsdNetSpec;
import org.densenet4j.train.Sgd;
import org.densenet4j.train.Trainer;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/**
 * A small MSDNet on generated images: easy ones leave at its first exit, by thresholds that are
 * found with images that it was not trained on.
 *
 * <pre>
 * java --add-modules jdk.incubator.vector --enable-native-access=ALL-UNNAMED \
 *     -cp target/densenet4j.jar examples/EarlyExits.java [IMAGES [EPOCHS [FOLDER]]]
 * </pre>
 */
public final class EarlyExits {
    private static final int BATCH = 32;
    private static final long SEED = 1;

    public static void main(String[] args) throws IOException {
        int images = args.length > 0 ? Integer.parseInt(args[0]) : 2000;
        int epochs = args.length > 1 ? Integer.parseInt(args[1]) : 4;
        Path folder = Path.of(args.length > 2 ? args[2] : "runs/early-exits");
        Glyphs.generate(folder, images, images / 4, SEED);
        Cifar data = Cifar.cifar10(folder);
        Normalisation normalisation = Normalisation.of(data.train());
        StratifiedSplit split = StratifiedSplit.of(data.train(), 0.25, SEED);
        BatchLoader train =
                BatchLoader.of(split.train()).batch(BATCH).shuffle(SEED).normalise(normalisation);
        BatchLoader heldOut = BatchLoader.of(split.heldOut()).batch(BATCH).normalise(normalisation);
        BatchLoader test = BatchLoader.of(data.test()).batch(BATCH).normalise(normalisation);

        Path model = folder.resolve("early-exits.safetensors");
        MsdNetSpec spec =
                MsdNetSpec.builder()
                        .layersPerExit(2, 2, 2)
                        .growthRate(4)
                        .initialChannels(8)
                        .exitChannels(32)
                        .classes(10)
                        .build();
        try (Device device = Device.best();
                Trainer trainer =
                        Trainer.of(spec, device)
                                .batch(BATCH)
                                .optimizer(Sgd.nesterov(0.1))
                                .seed(SEED)
                                .open()) {
            for (int epoch = 0; epoch < epochs; epoch++) {
                try (BatchLoader.Epoch batches = train.epoch(epoch)) {
                    for (Batch batch : batches) {
                        trainer.step(batch); // by the sum of the losses of all exits
                    }
                }
            }
            trainer.save(model);
        }
        try (Predictor predictor = Predictor.open(model)) {
            show(predictor, heldOut, test);
        }
    }

    private static void show(Predictor predictor, BatchLoader heldOut, BatchLoader test) {
        ExitEvaluation found = ExitEvaluation.of(predictor, test);
        List<ExitEvaluation.Point> points = found.anytime();
        for (Exit exit : predictor.exits()) {
            print("exit " + exit.number(), points.get(exit.number() - 1));
        }
        ExitThresholds thresholds = ExitThresholds.of(ExitEvaluation.of(predictor, heldOut), 0.5);
        print("by thresholds", found.budgeted(thresholds));
    }

    private static void print(String what, ExitEvaluation.Point point) {
        System.out.printf(
                Locale.ROOT,
                "%-13s accuracy %5.1f %%, %5.2f M multiply-adds an image%n",
                what,
                100 * point.accuracy(),
                point.multiplyAdds() / 1e6);
    }
}
